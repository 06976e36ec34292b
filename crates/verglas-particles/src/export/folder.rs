//! The images of an output folder, and the row of the metadata that each one is.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::convert::RecordedConversion;
use crate::stack::{StackColumns, StackNames, keys};
use verglas_core::error::{Error, Result};
use verglas_core::findings::{Findings, counted, counted_do};
use verglas_run::manifest::{FolderRecord, InputFile, InputRecord, InputRole, Manifest, RecordedPath};

use super::planned::{PlannedImages, RecordedImages};
use super::pose::SourceImages;
use super::source::{Source, SourceKind, check_unchanged, in_place_of};

/// Where one image comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    /// Which of the sources.
    pub(super) source: u32,
    /// The row in it, from 0.
    pub(super) row: u32,
}

/// What tells whether a row is still the one that an image was made from; one value per image.
#[derive(Debug)]
pub(super) enum Identities {
    /// CryoSPARC's `uid`.
    Uid(Vec<u64>),
    /// [`image_identity`] of file and section, which the rows name.
    Image(Vec<u64>),
    /// Rows name nothing: they describe the sections in sequence.
    None,
}

/// The images of an output folder, in the order of its stacks; or those that a job made on the way without writing them.
#[derive(Debug)]
pub(super) struct ImageFolder {
    root: PathBuf,
    conversion: RecordedConversion,
    sources: Vec<Source>,
    origins: Vec<Origin>,
    identities: Identities,
}

/// A short form of an image's file and section (from 0).
pub(super) fn image_identity(file: &[u8], section: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    (section, file).hash(&mut hasher);
    hasher.finish()
}

impl ImageFolder {
    /// Reads the manifest of the folder at `root`, or those of all its shards, and the metadata of all its stacks. `source` is
    /// the metadata file that they were made from, if it is not to be looked for where the manifest says.
    ///
    /// # Errors
    /// When there is no manifest, when stacks are missing, or when they contradict the manifest; when `source` can't be the
    /// file.
    pub(super) fn open(root: &Path, source: Option<&Path>) -> Result<Self> {
        let record = FolderRecord::read(root)?;
        let stacks = record.stacks();
        let is_unbroken = stacks.iter().map(|stack| stack.number).eq(0..record.n_stacks());
        if !record.is_complete() || !is_unbroken {
            return Err(Error::value(format!(
                "`{}` is not whole: {} of {} there",
                root.display(),
                stacks.len(),
                counted_do(record.n_stacks(), "stack", "is", "are")
            ))
            .with_hint("finish the conversion first: results are counted over all images"));
        }
        let pairs = match &record.first().settings.input {
            InputRecord::StarPairs { pairs } => Some(pairs.as_slice()),
            _ => None,
        };
        let source_of_image_file = pairs.map(sources_of_pairs).transpose()?;
        let sources = sources(record.first(), pairs, source, root)?;
        let conversion = RecordedConversion::of(record.first());
        let mut folder =
            Self { root: root.to_owned(), conversion, sources, origins: Vec::new(), identities: Identities::None };
        let (mut uids, mut images) = (Vec::new(), Vec::new());
        for record in stacks {
            let metadata = root.join(StackNames::of(record.number).metadata);
            let stack = StackRows::read(&metadata, record.n_images)?;
            let source = match &source_of_image_file {
                None => 0,
                Some(source_of) => source_of_stack(&stack, source_of, &metadata)?,
            };
            folder.origins.extend(stack.rows.iter().map(|&row| Origin { source, row }));
            uids.extend(stack.uids);
            images.extend(stack.images);
        }
        let n_images = folder.origins.len();
        if u32::try_from(n_images).is_err() {
            return Err(Error::format(format!("`{}`: more than {} images", root.display(), u32::MAX)));
        }
        folder.identities = match (source_of_image_file, uids.len() == n_images) {
            (Some(_), _) => Identities::None,
            (None, true) => Identities::Uid(uids),
            (None, false) => Identities::Image(images),
        };
        Ok(folder)
    }

    /// The images that a job made on the way. `source` is as in [`ImageFolder::open`].
    ///
    /// # Errors
    /// When the metadata can't be read, or are not what they were; when `source` can't be the file.
    pub(super) fn of_recorded(images: &RecordedImages<'_>, source: Option<&Path>) -> Result<Self> {
        let pairs = match images.input {
            InputRecord::StarPairs { pairs } => Some(pairs.as_slice()),
            _ => None,
        };
        let sources = sources(images.manifest, pairs, source, images.root)?;
        for source in &sources {
            SourceKind::of(&source.path)?;
            // Before it is read; what must be told is told later.
            check_unchanged(source, &mut Findings::new())?;
        }
        let source_of_image_file = pairs.map(sources_of_pairs).transpose()?;
        let PlannedImages { table, plan } = images.plan(source)?;
        let file = |particle: usize| table.image_names[table.image[particle] as usize].as_slice();
        let origin = |particle: usize| Origin {
            source: source_of_image_file.as_ref().and_then(|of| of.get(file(particle)).copied()).unwrap_or(0),
            row: table.row[particle],
        };
        let identities = match (&source_of_image_file, &table.uid) {
            (Some(_), _) => Identities::None,
            (None, Some(uids)) => Identities::Uid(plan.particles().map(|particle| uids[particle]).collect()),
            (None, None) => {
                let identity = |particle: usize| image_identity(file(particle), u64::from(table.section[particle].0));
                Identities::Image(plan.particles().map(identity).collect())
            }
        };
        Ok(Self {
            root: images.root.to_owned(),
            conversion: images.conversion.clone(),
            sources,
            origins: plan.particles().map(origin).collect(),
            identities,
        })
    }

    /// Where the images' record is.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn n_images(&self) -> usize {
        self.origins.len()
    }

    pub(super) fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// How the sources' images lie to those of the folder.
    ///
    /// # Errors
    /// When the manifest does not say it.
    pub(super) fn source_images(&self) -> Result<SourceImages> {
        SourceImages::of(&self.conversion, &self.root)
    }

    /// One per image.
    pub(super) fn origins(&self) -> &[Origin] {
        &self.origins
    }

    pub(super) fn identities(&self) -> &Identities {
        &self.identities
    }
}

/// The metadata files: the STAR files of pairs, else the first one, which is the only one or the first of two; in its place
/// `given`, where that is given for the folder at `root`.
fn sources(
    manifest: &Manifest,
    pairs: Option<&[[RecordedPath; 2]]>,
    given: Option<&Path>,
    root: &Path,
) -> Result<Vec<Source>> {
    let of =
        |input: &InputFile| Source { path: manifest.locate(&input.path), bytes: input.bytes, modified: input.modified };
    let no_input = || Error::format(format!("{} names no metadata file", manifest.file_name()));
    // A folder of likelihoods has templates among its inputs, too. Early manifests don't say what a file is.
    let is_metadata = |input: &&InputFile| input.role.is_none_or(|role| role == InputRole::Metadata);
    let sources = match pairs {
        None => vec![manifest.inputs.iter().find(is_metadata).map(of).ok_or_else(no_input)?],
        Some(pairs) => {
            let by_path: HashMap<&RecordedPath, &InputFile> =
                manifest.inputs.iter().map(|input| (&input.path, input)).collect();
            let of_pair = |[star, _]: &[RecordedPath; 2]| by_path.get(star).map(|input| of(input)).ok_or_else(no_input);
            pairs.iter().map(of_pair).collect::<Result<_>>()?
        }
    };
    match given {
        Some(path) => Ok(vec![in_place_of(sources, path, root)?]),
        None => Ok(sources),
    }
}

/// Which pair each image file belongs to; stacks say their images' file, not their STAR file.
fn sources_of_pairs(pairs: &[[RecordedPath; 2]]) -> Result<HashMap<&[u8], u32>> {
    let mut source_of: HashMap<&[u8], u32> = HashMap::new();
    for (source, [star, images]) in (0_u32..).zip(pairs) {
        let images = images.as_os_str().as_bytes();
        if let Some(&earlier) = source_of.get(images)
            && let Some([earlier_star, _]) = pairs.get(earlier as usize)
            && earlier_star != star
        {
            return Err(Error::value(format!(
                "`{}` was converted with `{}` and with `{}`: the stacks don't say which of them each image comes from",
                String::from_utf8_lossy(images),
                earlier_star.display(),
                star.display()
            )));
        }
        source_of.entry(images).or_insert(source);
    }
    Ok(source_of)
}

fn source_of_stack(stack: &StackRows, source_of: &HashMap<&[u8], u32>, metadata: &Path) -> Result<u32> {
    source_of.get(stack.file.as_slice()).copied().ok_or_else(|| {
        Error::format(format!(
            "`{}`: its images are from `{}`, which is not among the image files in the manifest",
            metadata.display(),
            String::from_utf8_lossy(&stack.file)
        ))
    })
}

/// What a stack's metadata say about where its images come from.
struct StackRows {
    rows: Vec<u32>,
    /// Empty unless the source has them.
    uids: Vec<u64>,
    images: Vec<u64>,
    /// The first image's file; that of all images in stacks that never mix files.
    file: Vec<u8>,
}

impl StackRows {
    fn read(path: &Path, n_images: usize) -> Result<Self> {
        let mut columns = StackColumns::open(path)?;
        for name in [keys::ROW, keys::FILES, keys::SECTIONS] {
            if !columns.has(name) {
                return Err(Error::format(format!("`{}` has no `{name}`", path.display()))
                    .with_hint("stacks that CryoLike itself made do not say where their images come from"));
            }
        }
        let rows = columns.needed_identities(keys::ROW)?;
        let too_large = |row: u64| Error::format(format!("`{}`: its `row` holds {row}", path.display()));
        let rows =
            rows.into_iter().map(|row| u32::try_from(row).map_err(|_| too_large(row))).collect::<Result<Vec<u32>>>()?;
        let uids = columns.identities(keys::UID)?.unwrap_or_default();
        let files = columns.needed_texts(keys::FILES)?;
        let sections = columns.needed_identities(keys::SECTIONS)?;
        for (name, len) in [(keys::ROW, rows.len()), (keys::FILES, files.len()), (keys::SECTIONS, sections.len())] {
            if len != n_images {
                return Err(Error::format(format!(
                    "`{}`: its `{name}` has {}, the manifest counts {}",
                    path.display(),
                    counted(len, "value"),
                    counted(n_images, "image")
                ))
                .with_hint("the folder has been altered since the conversion"));
            }
        }
        let images = files.iter().zip(sections).map(|(file, section)| image_identity(file, section)).collect();
        Ok(Self { rows, uids, images, file: files.into_iter().next().unwrap_or_default() })
    }
}
