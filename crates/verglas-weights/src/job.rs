//! All that can be checked beforehand, then the work.

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use serde::Serialize;
use verglas_core::atomic::sync_folder;
use verglas_core::choice::Choice;
use verglas_core::error::{Error, ErrorKind, Result};
use verglas_core::findings::{Findings, Warning, counted};
use verglas_core::hint::{Hint, Setting, Text};
use verglas_core::{Observer, StopFlag};
use verglas_run::manifest::{RecordedPath, unix_seconds};
use verglas_scoring::StructureChoice;

use crate::files::{
    Written, check_output, check_read, output_folder, remove_earlier, write_log_likelihood, write_matrix, write_table,
    write_weights,
};
use crate::mixture::{
    Assignments, Bootstrap, Fit, Interval, Likelihoods, NoFit, assignments, bootstrap, effective_number, fit,
    not_told_apart,
};
use crate::names::{BOOTSTRAP, LOG_LIKELIHOOD, RECORD, TABLE, WEIGHTS};
use crate::record::{RecordedMatrix, RecordedWeights, StructureWeight, WeightsRecord};
use crate::settings::{LogLikelihoodFormat, WeightsSettings};
use crate::source::{Component, LogLikelihoods, Source};

/// Weights to be made: everything is checked, nothing is written.
#[derive(Debug)]
pub struct WeightsJob {
    settings: WeightsSettings,
    log_likelihoods: LogLikelihoods,
    /// Structures that were left out.
    excluded: Vec<usize>,
}

/// Weights of structures, as they came out.
#[derive(Debug, Clone, Serialize)]
pub struct Weights {
    /// The output folder, if there is one.
    pub output: Option<PathBuf>,
    /// All warnings.
    #[serde(flatten)]
    pub record: WeightsRecord,
    /// The weights of every resample, `[resamples, structures]`, last axis fastest.
    #[serde(skip)]
    pub resamples: Vec<f64>,
    /// Warnings that came up.
    #[serde(skip)]
    pub warnings: Vec<Warning>,
}

/// Pairs of structures whose weights have a correlation below this are not told apart.
const APART: f64 = -0.5;
/// Fewer resamples say little about where 2.5 % of them lie.
const FEW_RESAMPLES: usize = 40;

impl WeightsJob {
    /// Whether weights may be written to the folder at `output`.
    ///
    /// # Errors
    /// When another job's files are there, when weights are and shall not be replaced, when it can't be written.
    pub fn check_output(output: &Path, settings: &WeightsSettings) -> Result<()> {
        check_output(output, settings.overwrite)
    }

    /// Reads log-likelihoods and checks everything that can be checked; warnings go to `findings`.
    ///
    /// # Errors
    /// Unusable settings; input that is missing, damaged, of the wrong shape, or not a number.
    pub fn prepare(source: Source, settings: WeightsSettings, findings: &mut Findings) -> Result<Self> {
        settings.check()?;
        let log_likelihoods = LogLikelihoods::read(source, &settings, findings)?;
        let excluded = match &settings.exclude {
            Some(StructureChoice::Places(ranges)) => {
                let mut places: Vec<usize> = ranges.iter().cloned().flatten().collect();
                places.sort_unstable();
                places.dedup();
                places
            }
            _ => Vec::new(),
        };
        let job = Self { settings, log_likelihoods, excluded };
        job.report(findings);
        Ok(job)
    }

    fn report(&self, findings: &mut Findings) {
        let (n_images, n) = (self.n_images(), self.n_structures());
        if n_images < n {
            findings.warn(
                "few-images",
                format!("{} for {}: most weights will be 0", counted(n_images, "image"), counted(n, "structure")),
            );
        }
        self.warn_of_twins(findings);
        let n_resamples = self.settings.n_resamples;
        if (1..FEW_RESAMPLES).contains(&n_resamples) {
            findings.warn(
                "few-resamples",
                Text::from(format!("intervals of {} are rough: ", counted(n_resamples, "resample")))
                    + Hint::Give(Setting::Bootstrap)
                    + " sets how many",
            );
        }
        let temperature = self.settings.temperature;
        if temperature != 1.0 {
            findings.warn(
                "temperature",
                format!("log-likelihoods are divided by {temperature}: weights and intervals depend on that choice"),
            );
        }
        findings.note(format!("{n_images} × {n} log-likelihoods from {}", self.log_likelihoods.record.said()));
        findings.note(format!(
            "{} MiB of memory on {} threads",
            self.memory_bytes().div_ceil(1 << 20),
            self.n_threads()
        ));
    }

    /// Structures that every image finds equally likely: the same file twice, or templates that do not differ.
    fn warn_of_twins(&self, findings: &mut Findings) {
        let LogLikelihoods { components, values, .. } = &self.log_likelihoods;
        let groups = equal_columns(values, components.len());
        // Where there is nothing else, `warn_of_alike` says so.
        for group in groups.iter().filter(|group| group.len() < components.len()) {
            let names: Vec<String> = group.iter().map(|&column| format!("`{}`", components[column].name)).collect();
            findings.warn(
                "same-log-likelihoods",
                format!(
                    "{} are exactly as likely as each other by every image: only the sum of their weights has a meaning, the share \
                     of each has none",
                    names.join(", ")
                ),
            );
        }
    }

    /// How many images count.
    pub fn n_images(&self) -> usize {
        self.log_likelihoods.n_images
    }

    /// How many structures take part, including noise.
    pub fn n_structures(&self) -> usize {
        self.log_likelihoods.components.len()
    }

    /// How many times images are resampled.
    pub fn n_resamples(&self) -> usize {
        self.settings.n_resamples
    }

    /// Bytes that a thread takes in addition to the matrix.
    fn thread_bytes(&self) -> u64 {
        // Counts, densities and their changes; second derivatives, their scaled copy and its decomposition.
        let (images, structures) = (self.n_images() as u64, self.n_structures() as u64);
        images * 20 + 3 * 8 * structures * structures
    }

    fn matrix_bytes(&self) -> u64 {
        8 * self.n_images() as u64 * self.n_structures() as u64
    }

    /// Threads that draw resamples: as many as requested, as long as they take no more memory than the matrix.
    fn n_threads(&self) -> usize {
        /// Whatever the matrix takes, this is there.
        const LEAST_BYTES: u64 = 256 << 20;
        let most = self.matrix_bytes().max(LEAST_BYTES) / self.thread_bytes().max(1);
        self.settings.n_threads.min(usize::try_from(most).unwrap_or(usize::MAX)).max(1)
    }

    /// About how much memory the work takes, bytes: the matrix, and what threads take, which is no more than the matrix again or
    /// 256 MiB. While a `.npy` is read, its values are there twice.
    pub fn memory_bytes(&self) -> u64 {
        self.matrix_bytes() + self.n_threads() as u64 * self.thread_bytes()
    }

    /// Computes the weights, and writes them to the folder at `output` if there is one; `warnings` are kept with them.
    /// `observer` counts each resample as an image.
    ///
    /// # Errors
    /// When rounding forbids the tolerance; when it is stopped, which leaves the folder as it was; when the disk refuses.
    pub fn run(
        self,
        output: Option<&Path>,
        warnings: &[Warning],
        observer: &dyn Observer,
        stop: &StopFlag,
    ) -> Result<Weights> {
        let start = Instant::now();
        let folder = output.map(output_folder);
        let locked = folder.as_ref().map(|folder| folder.lock()).transpose()?;
        let mut all_warnings = warnings.to_vec();
        if let (Some(output), Some((_, warning))) = (output, &locked) {
            // Files that another run wrote in between.
            check_output(output, self.settings.overwrite)?;
            check_read(output, &self.log_likelihoods.read)?;
            all_warnings.extend(warning.clone());
        }
        let mut written = Written::default();
        let n = self.n_structures();
        let n_threads = self.n_threads();
        let Self { settings, log_likelihoods, excluded } = self;
        let LogLikelihoods { components, n_images, mut values, record: matrix, .. } = log_likelihoods;
        values.iter_mut().for_each(|value| *value /= settings.temperature);
        if let Some(folder) = &folder {
            folder.remove_unfinished(0..0)?;
            written.add(folder.root(), LOG_LIKELIHOOD, |writer| {
                write_matrix(writer, [n_images, n], values.iter().copied())
            })?;
            for &format in LogLikelihoodFormat::ALL.iter().filter(|format| settings.log_likelihood.contains(format)) {
                written.add(folder.root(), format.file_name(), |writer| {
                    write_log_likelihood(writer, format, [n_images, n], &values)
                })?;
            }
        }
        let likelihoods = Likelihoods::from_logarithms(values, n);
        let no_fit = |no_fit| no_weights(no_fit, settings.tolerance);
        let best = fit(&likelihoods, settings.tolerance, settings.n_threads, stop).map_err(no_fit)?;
        let asked = Bootstrap { n_resamples: settings.n_resamples, seed: settings.seed, tolerance: settings.tolerance };
        let resamples = bootstrap(&likelihoods, &best.weights, asked, n_threads, observer, stop).map_err(no_fit)?;
        let outcome = Outcome { best, resamples, components, n_images, matrix, excluded };
        let assigned = assignments(&likelihoods, &outcome.best.weights);
        drop(likelihoods);
        let (mut record, resamples) = outcome.record(&assigned, &settings);
        warn_of_one_hot(&record, &mut all_warnings);
        warn_of_alike(&assigned, n_images, &mut all_warnings);
        record.warnings = all_warnings.iter().map(Into::into).collect();
        record.seconds = start.elapsed().as_secs_f64();
        if let Some(folder) = &folder {
            written.add(folder.root(), TABLE, |writer| write_table(writer, &record))?;
            written.add(folder.root(), WEIGHTS, |writer| write_weights(writer, &record))?;
            if settings.n_resamples > 0 {
                written.add(folder.root(), BOOTSTRAP, |writer| {
                    write_matrix(writer, [settings.n_resamples, n], resamples.iter().copied())
                })?;
            }
            record.files = written.records();
            written.add(folder.root(), RECORD, |writer| {
                serde_json::to_writer_pretty(&mut *writer, &record)?;
                writer.write_all(b"\n")
            })?;
            folder.check_is_same()?;
            remove_earlier(folder.root())?;
            written.publish()?;
            sync_folder(folder.root())?;
        }
        drop(locked);
        Ok(Weights { output: output.map(Path::to_owned), record, resamples, warnings: all_warnings })
    }
}

/// The numerical result, with what it is for.
struct Outcome {
    best: Fit,
    resamples: Vec<f64>,
    components: Vec<Component>,
    n_images: usize,
    matrix: RecordedMatrix,
    excluded: Vec<usize>,
}

impl Outcome {
    /// Everything about it except times and files; and the resamples.
    fn record(self, assigned: &Assignments, settings: &WeightsSettings) -> (WeightsRecord, Vec<f64>) {
        let n = self.components.len();
        let structures = self.components.into_iter().enumerate().map(|(at, component)| {
            let mut column: Vec<f64> = self.resamples.iter().skip(at).step_by(n).copied().collect();
            StructureWeight {
                structure: component.place,
                name: component.name,
                weight: self.best.weights[at],
                interval: Interval::of(&mut column),
                images_best: assigned.n_best[at],
                responsibility: assigned.responsibility[at],
            }
        });
        let mut effective: Vec<f64> = self.resamples.chunks_exact(n).map(effective_number).collect();
        let record = WeightsRecord {
            program: "verglas".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            working_dir: std::env::current_dir().map(RecordedPath).unwrap_or_default(),
            settings: RecordedWeights::new(settings, self.excluded),
            matrix: self.matrix,
            n_images: self.n_images,
            n_structures: n,
            mean_log_likelihood: self.best.mean_log_likelihood,
            gap: self.best.gap,
            iterations: self.best.n_passes,
            effective_number: effective_number(&self.best.weights),
            effective_number_interval: Interval::of(&mut effective),
            n_one_hot: assigned.n_one_hot,
            structures: structures.collect(),
            not_told_apart: not_told_apart(&self.resamples, n, self.n_images, APART),
            warnings: Vec::new(),
            made: unix_seconds(SystemTime::now()).unwrap_or(0.0),
            seconds: 0.0,
            files: Vec::new(),
        };
        (record, self.resamples)
    }
}

/// Columns of a matrix of `n` columns that equal each other in every row, together.
fn equal_columns(values: &[f64], n: usize) -> Vec<Vec<usize>> {
    let mut groups = vec![(0..n).collect::<Vec<usize>>()];
    for row in values.chunks_exact(n) {
        groups = groups
            .into_iter()
            .flat_map(|mut group| {
                group.sort_by(|&a, &b| row[a].total_cmp(&row[b]).then(a.cmp(&b)));
                group.chunk_by(|&a, &b| row[a] == row[b]).map(<[usize]>::to_vec).collect::<Vec<_>>()
            })
            .filter(|group| group.len() > 1)
            .collect();
        if groups.is_empty() {
            break;
        }
    }
    groups.sort_unstable();
    groups
}

/// Where most images belong to one structure each, nothing is weighed.
fn warn_of_one_hot(record: &WeightsRecord, warnings: &mut Vec<Warning>) {
    if 2 * record.n_one_hot > record.n_images {
        warnings.push(Warning {
            code: "one-hot",
            message: format!(
                "{} of {} belong to one structure alone (99.9 % or more): weights are counts of images, as reliable \
                 as the log-likelihoods; where these exaggerate, so do the weights",
                record.n_one_hot,
                counted(record.n_images, "image")
            )
            .into(),
        });
    }
}

/// Where log-likelihoods say nothing, neither do weights.
fn warn_of_alike(assigned: &Assignments, n_images: usize, warnings: &mut Vec<Warning>) {
    if 2 * assigned.n_alike > n_images {
        warnings.push(Warning {
            code: "all-alike",
            message: format!(
                "{} of {} are exactly as likely with every structure, and say nothing about weights (CryoLike's own scripts write one \
                 number as integrated likelihood of all images)",
                assigned.n_alike,
                counted(n_images, "image")
            )
            .into(),
        });
    }
}

fn no_weights(no_fit: NoFit, tolerance: f64) -> Error {
    match no_fit {
        NoFit::Stopped => Error::new(ErrorKind::Interrupted, "stopped; nothing was written"),
        NoFit::Stalled { gap } => {
            Error::value(format!("rounding leaves a gap of {gap:.1e}, above the tolerance of {tolerance:e}"))
                .with_hint("accept it with " + Hint::Give(Setting::Tolerance))
        }
    }
}

impl RecordedMatrix {
    fn said(&self) -> String {
        self.path.as_ref().map_or_else(|| "memory".to_owned(), |path| format!("`{}`", path.to_string_lossy()))
    }
}
