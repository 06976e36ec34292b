//! Files that shrink, vanish or change while a conversion runs, folders that are taken away, and names of any bytes.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use verglas::metadata::Input;
use verglas::settings::{ConvertSettings, Existing};
use verglas::simulate::{Layout, SimulationSettings, simulate};
use verglas::{Conversion, Error, ErrorKind, Observer, Silent, StopFlag, Summary, verify};
use verglas_formats::npz::NpzReader;
use verglas_run::manifest::{Manifest, RunState};

const N_IMAGES: usize = 40;
const BATCH: usize = 4;

/// A data set of 40 images in two stacks.
struct DataSet {
    dir: tempfile::TempDir,
    stacks: Vec<PathBuf>,
}

impl DataSet {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let settings = SimulationSettings { n_stacks: Some(2), ..SimulationSettings::new(N_IMAGES, 16) };
        let made = simulate(&settings, &dir.path().join("data"), &Silent, &StopFlag::new(false)).unwrap();
        Self { dir, stacks: made.stack_files }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn convert(&self, settings: ConvertSettings, observer: &dyn Observer, stop: &AtomicBool) -> Result<Summary, Error> {
        let input = Input::IndexedStar(self.path("data/particles.star"));
        let settings = ConvertSettings { batch_size: BATCH, n_threads: 1, plots: false, ..settings };
        let conversion = Conversion::prepare(input, settings)?;
        conversion.run_with(self.path("out"), observer, stop)
    }

    /// Converts, and does something when that many images are done.
    fn disturb(&self, after: u64, skip_unreadable: bool, deed: impl Fn() + Sync) -> Error {
        let observer = Disturbing { after, n_done: AtomicU64::new(0), deed };
        let settings = ConvertSettings { skip_unreadable, ..ConvertSettings::default() };
        self.convert(settings, &observer, &AtomicBool::new(false)).unwrap_err()
    }

    /// The stacks in the manifest are whole, and there are no others.
    #[track_caller]
    fn assert_nothing_broken(&self) -> Manifest {
        let manifest = Manifest::read(&self.path("out/manifest.json")).unwrap();
        let mut there = names_in(&self.path("out/fft"));
        there.extend(names_in(&self.path("out/phys")));
        assert_eq!(there.len(), 3 * manifest.stacks.len(), "{there:?}");
        for file in manifest.stacks.iter().flat_map(|stack| &stack.files) {
            let bytes = fs::read(self.path("out").join(&file.name)).unwrap();
            assert_eq!(format!("{:08x}", crc32fast::hash(&bytes)), file.crc32, "{}", file.name);
        }
        manifest
    }
}

struct Disturbing<F> {
    after: u64,
    n_done: AtomicU64,
    deed: F,
}

impl<F: Fn() + Sync> Observer for Disturbing<F> {
    fn images_done(&self, n: u64) {
        let before = self.n_done.fetch_add(n, Ordering::Relaxed);
        if before < self.after && before + n >= self.after {
            (self.deed)();
        }
    }
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The message about a file, and what was done to it.
type Disturbance = (&'static str, Box<dyn Fn(&Path) + Sync>);

/// What may happen to an image file while it is read.
fn disturbances() -> Vec<Disturbance> {
    vec![
        (
            "changed while it was read: it had",
            Box::new(|path| {
                fs::File::options().write(true).open(path).unwrap().set_len(1024 + 5 * 1024).unwrap();
            }),
        ),
        ("changed while it was read: No such file", Box::new(|path| fs::remove_file(path).unwrap())),
        (
            "changed while it was read: it was written to",
            Box::new(|path| {
                let mut bytes = fs::read(path).unwrap();
                let last = bytes.len() - 1;
                bytes[last] ^= 1;
                // Whatever the clock of the file system resolves, this is another time.
                std::thread::sleep(std::time::Duration::from_millis(20));
                fs::write(path, bytes).unwrap();
            }),
        ),
        ("changed while it was read: it had", Box::new(|path| fs::write(path, "something else").unwrap())),
    ]
}

#[test]
fn an_image_file_that_is_disturbed_stops_the_run_whether_or_not_unreadable_ones_may_be_left_out() {
    for skip_unreadable in [false, true] {
        for (expected, deed) in disturbances() {
            let set = DataSet::new();
            let error = set.disturb(8, skip_unreadable, || set.stacks.iter().for_each(|path| deed(path)));
            assert!(error.to_string().contains(expected), "{error}");
            assert!(error.to_string().contains("needed by row"), "{error}");
            let manifest = set.assert_nothing_broken();
            assert_eq!((manifest.run.state, manifest.is_complete), (RunState::Failed, false));
            assert!(manifest.stacks.len() >= 2, "the stacks before are there");
            assert_eq!(manifest.skipped, [], "nothing was left out silently");
        }
    }
}

#[test]
fn an_output_folder_that_is_taken_away() {
    let set = DataSet::new();
    let error = set.disturb(8, false, || fs::remove_dir_all(set.path("out")).unwrap());
    assert!(error.to_string().contains("cannot write `"), "{error}");
    assert!(!set.path("out").exists(), "the folder is not made anew in the midst of a run");

    let set = DataSet::new();
    let error = set.disturb(8, false, || fs::remove_dir_all(set.path("out/phys")).unwrap());
    assert!(error.to_string().contains("out/phys"), "{error}");
}

#[test]
fn stopping_keeps_what_is_whole_and_resuming_makes_the_rest() {
    let set = DataSet::new();
    let stop = AtomicBool::new(false);
    let observer = Disturbing { after: 12, n_done: AtomicU64::new(0), deed: || stop.store(true, Ordering::Relaxed) };
    let error = set.convert(ConvertSettings::default(), &observer, &stop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert!(error.to_string().contains("3 of 10 stacks"), "{error}");
    assert_eq!(set.assert_nothing_broken().run.state, RunState::Stopped);
    let resume = ConvertSettings { existing: Existing::Resume, ..ConvertSettings::default() };
    let summary = set.convert(resume, &Silent, &AtomicBool::new(false)).unwrap();
    assert_eq!((summary.n_stacks, summary.n_stacks_kept, summary.n_images_computed), (10, 3, 28));
    assert!(verify(&set.path("out"), &Silent).unwrap().is_sound());
}

#[test]
fn names_of_any_bytes_and_links() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join(OsStr::from_bytes(b"caf\xe9 'x' \"y\" \xc2\xb5"));
    let settings =
        SimulationSettings { layout: Layout::StarPairs, n_stacks: Some(2), ..SimulationSettings::new(6, 16) };
    let made = simulate(&settings, &folder, &Silent, &StopFlag::new(false)).unwrap();
    // One file behind a link.
    let link = folder.join(OsStr::from_bytes(b"li\xffnk\n.mrcs"));
    std::os::unix::fs::symlink(&made.stack_files[1], &link).unwrap();
    let images = [made.stack_files[0].clone(), link];
    let pairs: Vec<(PathBuf, PathBuf)> = made.metadata_files.iter().cloned().zip(images.iter().cloned()).collect();
    let real = folder.join("real out");
    fs::create_dir(&real).unwrap();
    let output = folder.join(OsStr::from_bytes(b"out\xfe"));
    std::os::unix::fs::symlink(&real, &output).unwrap();
    let convert = |existing| {
        let settings = ConvertSettings {
            existing,
            pixel_size_angstrom: Some([1.3; 2]),
            batch_size: 2,
            ..ConvertSettings::default()
        };
        let conversion = Conversion::prepare(Input::StarPairs(pairs.clone()), settings).unwrap();
        conversion.run(&output).unwrap()
    };
    assert_eq!(convert(Existing::Refuse).n_stacks, 4);
    fs::remove_file(output.join("fft/particles_fourier_stack_000001.npz")).unwrap();
    assert_eq!(convert(Existing::Resume).n_stacks_kept, 3);
    let verified = verify(&output, &Silent).unwrap();
    assert!(verified.is_sound() && verified.warnings.is_empty(), "{verified:?}");
    let manifest = Manifest::read(&output.join("manifest.json")).unwrap();
    let recorded: Vec<PathBuf> = manifest.inputs.iter().map(|input| manifest.resolve(&input.path)).collect();
    assert!(images.iter().all(|path| recorded.contains(path)), "{recorded:?}");
    // The stacks name the file as it was given, whatever its bytes.
    let mut npz = NpzReader::open(output.join("fft/particles_fourier_stack_000003.npz")).unwrap();
    let files = npz.read("files").unwrap().to_text().unwrap();
    assert_eq!(files[0], images[1].as_os_str().as_bytes());
}
