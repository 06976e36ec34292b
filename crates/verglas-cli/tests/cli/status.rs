//! How far a conversion is, read from its output folder.

use std::fs;

use crate::data_set::DataSet;

/// [`DataSet::usual`] in three stacks of two images, of which the shards 1 and 3 of 4 were made: the first has no stack.
fn two_of_four_shards() -> DataSet {
    let set = DataSet::usual();
    for shard in ["1/4", "3/4"] {
        let ran = set.convert(&["--batch-size", "2", "--shard", shard]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
    set
}

#[test]
fn shards_are_summed_and_those_missing_are_named() {
    let set = two_of_four_shards();
    let ran = set.run(&["status", "out"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(
        ran.stdout,
        "out: 1 of 3 stacks, 2 of 6 particles (33.3 %)\n4 shards: 2 complete, 2 not begun\nnot begun: 2,4\n"
    );
    assert_eq!(set.run(&["status", "out", "--unfinished"]).stdout, "2,4\n");

    let json: serde_json::Value = serde_json::from_str(&set.run(&["status", "out", "--json"]).stdout).unwrap();
    assert_eq!((&json["n_images_done"], &json["n_images"]), (&2.into(), &6.into()));
    assert_eq!((&json["n_shards"], &json["is_complete"]), (&4.into(), &false.into()));
    assert_eq!(json["runs"][1]["shard"], 3);
    assert_eq!(json["runs"][1]["state"], "complete");
}

#[test]
fn a_shard_that_failed_is_reported_and_has_to_be_run_again() {
    let set = two_of_four_shards();
    let path = set.path("out/manifest-3-of-4.json");
    let mut part: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    part["run"]["state"] = "failed".into();
    part["run"]["host"] = "node7".into();
    part["is_complete"] = false.into();
    // As of an early version, which wrote no checksum.
    part["is_sealed"] = false.into();
    fs::write(&path, part.to_string()).unwrap();
    let ran = set.run(&["status", "out"]);
    assert!(ran.stdout.contains("4 shards: 1 complete, 1 failed, 2 not begun\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("\nfailed shard 3: 1 of 1 stack, its log says why; process "), "{}", ran.stdout);
    assert!(ran.stdout.contains(" on node7\n"), "{}", ran.stdout);
    assert_eq!(set.run(&["status", "out", "--unfinished"]).stdout, "2-4\n");
}

#[test]
fn a_finished_folder_has_nothing_unfinished() {
    let set = two_of_four_shards();
    for shard in ["2/4", "4/4"] {
        assert_eq!(set.convert(&["--batch-size", "2", "--shard", shard]).code, 0);
    }
    let ran = set.run(&["status", "out"]);
    assert_eq!(ran.stdout, "out: 3 of 3 stacks, 6 of 6 particles (100.0 %)\n4 shards: 4 complete\n");
    let unfinished = set.run(&["status", "out", "--unfinished"]);
    assert_eq!((unfinished.code, unfinished.stdout.as_str()), (0, ""));
}

#[test]
fn a_run_without_shards_has_a_status_and_no_shards_to_name() {
    let set = DataSet::usual();
    assert_eq!(set.convert(&[]).code, 0);
    assert_eq!(set.run(&["status", "out"]).stdout, "out: 1 of 1 stack, 6 of 6 particles (100.0 %)\n");
    let unfinished = set.run(&["status", "out", "--unfinished"]);
    assert_eq!((unfinished.code, unfinished.stdout.as_str()), (2, ""), "{}", unfinished.stderr);
}

#[test]
fn a_folder_without_a_manifest_is_refused() {
    let set = DataSet::usual();
    let ran = set.run(&["status", "stacks"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("`stacks` has no manifest.json"), "{}", ran.stderr);
    // As a likelihood's folder while the noise is looked for.
    std::fs::create_dir(set.path("begun")).unwrap();
    std::fs::write(set.path("begun/.verglas.lock"), "process 1 on elsewhere\n").unwrap();
    let ran = set.run(&["status", "begun"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("a run has begun in `begun` and recorded nothing yet"), "{}", ran.stderr);
}
