//! The examples do what they say, on simulated data.

use std::path::Path;
use std::process::Command;

use verglas::simulate::{SimulationSettings, simulate};
use verglas::{Silent, StopFlag};

/// The output of an example.
fn run(name: &str, arguments: &[&Path]) -> String {
    let tests = std::env::current_exe().unwrap();
    let program = tests.ancestors().nth(2).unwrap().join("examples").join(name);
    // Cargo builds examples with the tests, unless only some tests are asked for.
    if !program.exists() {
        let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
        let build = ["build", "--quiet", "--package", "verglas-cryoem", "--example", name, "--profile", profile];
        assert!(Command::new(env!("CARGO")).args(build).status().unwrap().success());
    }
    let ran = Command::new(program).args(arguments).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}

#[test]
fn a_data_set_is_converted() {
    let folder = tempfile::tempdir().unwrap();
    simulate(&SimulationSettings::new(20, 32), folder.path(), &Silent, &StopFlag::new(false)).unwrap();
    let stacks = folder.path().join("stacks");
    let printed = run("convert", &[&stacks, &folder.path().join("particles.star")]);
    assert_eq!(printed, format!("20 particles in 1 stacks below {}\n", stacks.display()));
    assert!(stacks.join("fft/particles_fourier_stack_000000.npz").is_file());

    let printed = run("look_inside", &[&stacks, &folder.path().join("particles.star")]);
    let [particles, values, ctf] = printed.lines().collect::<Vec<_>>().try_into().unwrap();
    assert!(particles.starts_with("20 particles; row 0 of `"), "{particles}");
    assert!(values.starts_with("2112 values, norm ") && values.ends_with(": as stored"), "{values}");
    assert_eq!(ctf, "CTF as stored: true");
}
