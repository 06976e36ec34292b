//! Messages for the user, with what to do about them as data.
//!
//! A [`Text`] is text with [`Hint`]s in between: `"give it with " + Hint::Give(Setting::PixelSize)`. Every front end
//! says a hint in its own [`Words`]: the command `--pixel-size`, Python `pixel_size`, a Rust program (and `Display`) the
//! field of the library's settings. Callers find hints with [`Text::hints`], whatever the words.

use std::fmt;
use std::ops::Add;
use std::path::PathBuf;

use serde::{Serialize, Serializer};

/// Declares [`Setting`], with the two names of each in one line.
macro_rules! settings {
    ($($(#[doc = $meaning:literal])+ $setting:ident: $option:literal, $field:literal;)+) => {
        /// Something that a user can set.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Setting {
            $($(#[doc = $meaning])+ $setting,)+
        }

        impl Setting {
            /// Every setting.
            pub const ALL: &'static [Self] = &[$(Self::$setting),+];

            /// The name of the command's option, without dashes.
            pub fn option(self) -> &'static str {
                match self {
                    $(Self::$setting => $option,)+
                }
            }

            /// Names of settings for a Rust program: most are fields of the conversion's settings.
            pub fn field(self) -> &'static str {
                match self {
                    $(Self::$setting => $field,)+
                }
            }
        }
    };
}

settings! {
    /// The grids of the output.
    Descriptor: "descriptor", "descriptor";
    /// Image stacks that the rows of STAR files describe in sequence.
    Images: "images", "Input::StarPairs";
    /// The folder in which image files are looked up by file name.
    ImageDir: "image-dir", "image_dir";
    /// The pixel size of the input images.
    PixelSize: "pixel-size", "pixel_size_angstrom";
    /// Which of two contradicting pixel sizes counts.
    PixelSizeFrom: "pixel-size-from", "pixel_size_from";
    /// The factor that images are downsampled by.
    Downsample: "downsample", "downsampling";
    /// The box that images are cropped to.
    DownsampleTo: "downsample-to", "downsample_to";
    /// Whether to change the sign of the images.
    Contrast: "contrast", "contrast";
    /// The optics groups whose particles are converted.
    OpticsGroup: "optics-group", "optics_groups";
    /// From which axis the defocus angle is written.
    DefocusAngleAxis: "defocus-angle-axis", "defocus_angle_axis";
    /// Most images per stack.
    BatchSize: "batch-size", "batch_size";
    /// Whether images that can't be used are left out and listed.
    SkipUnreadable: "skip-unreadable", "skip_unreadable";
    /// Whether what an earlier run made is compared with its checksums.
    VerifyKept: "verify", "verify_kept";
    /// How 8-bit pixels are meant.
    Mode0: "mode0", "byte_sign";
    /// The type that pixels are read as, whatever the header says.
    PixelType: "pixel-type", "pixel_type";
    /// Physical images are not written.
    NoPhysical: "no-physical", "physical";
    /// The part of the stacks that is made.
    Shard: "shard", "shard";
    /// The upper bound for buffers.
    Memory: "memory", "memory_bytes";
    /// The radius of beads made from atoms.
    AtomRadii: "atom-radii", "atom_radii_angstrom";
    /// Which atoms become beads.
    AtomSelection: "atom-selection", "selection";
    /// Residues become beads.
    ProteinResidueModel: "protein-residue-model", "use_protein_residue_model";
    /// Atoms become beads.
    NoProteinResidueModel: "no-protein-residue-model", "use_protein_residue_model";
    /// The voxels' sides.
    VoxelSize: "voxel-size", "voxel_angstrom";
    /// Which models of a file become structures.
    Models: "models", "models";
    /// The file that says which atoms a trajectory moves.
    Topology: "topology", "topology";
    /// How many stacks are made or compared, if not all.
    MaxStacks: "max-stacks", "max_stacks";
    /// How far templates are displaced, pixels.
    MaxDisplacement: "max-displacement", "max_displacement_pixels";
    /// Whether likelihoods are integrated over the grid's poses or over all.
    Integral: "integral", "likelihood";
    /// What is known of poses beforehand.
    PosesFrom: "poses-from", "likelihood";
    /// How far rotations may be from known ones.
    ViewSigma: "view-sigma", "likelihood";
    /// How far origins may be from known ones.
    ShiftSigma: "shift-sigma", "likelihood";
    /// Whether all poses are looked at in full.
    Exhaustive: "exhaustive", "likelihood";
    /// Which structures of a list are compared.
    Structures: "structures", "structures";
    /// Which rows of the metadata are converted, or images of an output folder exported.
    Rows: "rows", "rows";
    /// Which axis of a matrix is of images.
    MatrixAxes: "matrix-axes", "axes";
    /// The number that log-likelihoods are divided by.
    Temperature: "temperature", "temperature";
    /// How near to the best weights must be.
    Tolerance: "tolerance", "tolerance";
    /// How many times images are resampled.
    Bootstrap: "bootstrap", "n_resamples";
    /// Whether images may show nothing.
    NoiseColumn: "noise-column", "noise_column";
}

/// Something that a user can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hint {
    /// Finish what an earlier run left unfinished.
    Resume,
    /// Replace what already exists.
    Overwrite,
    /// Give this setting; one that is either on or off: turn it on.
    Give(Setting),
    /// Give this setting this value, the name of one of its [choices](crate::Choice).
    Choose(Setting, &'static str),
}

/// A piece of a [`Text`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// The same in all front ends.
    Words(String),
    /// Something that a user can do.
    Hint(Hint),
    /// The source of the settings: `the command line`, `the caller`.
    Caller,
    /// To convert these files together: a command that can be copied.
    Inputs(Vec<PathBuf>),
}

/// A message for the user; lower case, without a final stop. Further lines are indented by two spaces.
///
/// `Display` uses a Rust program's names, `Serialize` the command's, which files keep whatever program wrote them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text {
    /// No two neighbours are words.
    segments: Vec<Segment>,
}

/// How a front end says what a [`Text`] holds as data.
pub trait Words {
    /// The hint as a part of a sentence, a noun: `--resume`.
    fn hint(&self, hint: Hint) -> String;

    /// The source of the settings.
    fn caller(&self) -> &'static str;

    /// How these files are given together.
    fn inputs(&self, paths: &[PathBuf]) -> String;
}

/// The command's words, which output folders keep too.
#[derive(Debug, Clone, Copy)]
pub struct CommandWords;

impl Words for CommandWords {
    fn hint(&self, hint: Hint) -> String {
        match hint {
            Hint::Resume => option("resume"),
            Hint::Overwrite => option("overwrite"),
            Hint::Give(Setting::Shard) => format!("{} K/N", option(Setting::Shard.option())),
            Hint::Give(setting) => option(setting.option()),
            Hint::Choose(setting, value) => format!("`{} {value}`", option(setting.option())),
        }
    }

    fn caller(&self) -> &'static str {
        "the command line"
    }

    fn inputs(&self, paths: &[PathBuf]) -> String {
        let words: Vec<String> = paths.iter().map(|path| shell_word(&path.to_string_lossy())).collect();
        format!("`verglas convert {} -o FOLDER`", words.join(" "))
    }
}

/// A path as a shell takes it.
fn shell_word(path: &str) -> String {
    let is_plain = |char: char| char.is_alphanumeric() || "/._-+=:,@%".contains(char);
    if !path.is_empty() && path.chars().all(is_plain) {
        return path.to_owned();
    }
    format!("'{}'", path.replace('\'', "'\\''"))
}

fn option(name: &str) -> String {
    format!("--{name}")
}

/// The names for a Rust program.
#[derive(Debug, Clone, Copy)]
pub struct LibraryWords;

impl Words for LibraryWords {
    fn hint(&self, hint: Hint) -> String {
        match hint {
            Hint::Resume => "`Existing::Resume`".to_owned(),
            Hint::Overwrite => "`Existing::Overwrite`".to_owned(),
            Hint::Give(setting) => format!("`{}`", setting.field()),
            Hint::Choose(setting, value) => format!("`{}` = `{value}`", setting.field()),
        }
    }

    fn caller(&self) -> &'static str {
        "the caller"
    }

    fn inputs(&self, paths: &[PathBuf]) -> String {
        format!("`Input::from_paths({paths:?})`")
    }
}

impl Text {
    /// Its pieces.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The hints, in the order of the text.
    pub fn hints(&self) -> impl Iterator<Item = Hint> + '_ {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Hint(hint) => Some(*hint),
            Segment::Words(_) | Segment::Caller | Segment::Inputs(_) => None,
        })
    }

    /// The text as a front end says it.
    pub fn said_in(&self, words: &dyn Words) -> String {
        let said = self.segments.iter().map(|segment| match segment {
            Segment::Words(said) => said.clone(),
            Segment::Hint(hint) => words.hint(*hint),
            Segment::Caller => words.caller().to_owned(),
            Segment::Inputs(paths) => words.inputs(paths),
        });
        said.collect()
    }

    /// Adds to its end.
    pub fn push(&mut self, more: impl Into<Text>) {
        for segment in more.into().segments {
            match (self.segments.last_mut(), segment) {
                (Some(Segment::Words(said)), Segment::Words(more)) => said.push_str(&more),
                (_, segment) => self.segments.push(segment),
            }
        }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said_in(&LibraryWords))
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.said_in(&CommandWords))
    }
}

impl From<Segment> for Text {
    fn from(segment: Segment) -> Self {
        Self { segments: vec![segment] }
    }
}

impl From<String> for Text {
    fn from(words: String) -> Self {
        Segment::Words(words).into()
    }
}

impl From<&str> for Text {
    fn from(words: &str) -> Self {
        words.to_owned().into()
    }
}

impl From<Hint> for Text {
    fn from(hint: Hint) -> Self {
        Segment::Hint(hint).into()
    }
}

impl<T: Into<Text>> Add<T> for Text {
    type Output = Text;

    fn add(mut self, more: T) -> Text {
        self.push(more);
        self
    }
}

impl Add<&str> for Hint {
    type Output = Text;

    fn add(self, more: &str) -> Text {
        Text::from(self) + more
    }
}

/// Words in front of a text or a hint: `"give " + Hint::Give(setting)`. Not so for `String`: more than one thing that can
/// be added to it would end what Rust infers in other sums, everywhere.
macro_rules! words_before {
    ($($words:ty: $after:ty),+) => {
        $(impl Add<$after> for $words {
            type Output = Text;

            fn add(self, more: $after) -> Text {
                Text::from(self) + more
            }
        })+
    };
}

words_before!(&str: Hint, &str: Text);

impl PartialEq<str> for Text {
    fn eq(&self, words: &str) -> bool {
        let own: &str = &self.to_string();
        own == words
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, words: &&str) -> bool {
        self == *words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_front_end_has_its_words() {
        let text = "finish with "
            + Hint::Resume
            + ", or give "
            + Hint::Give(Setting::PixelSize)
            + ": "
            + Hint::Choose(Setting::Contrast, "invert")
            + Segment::Caller;
        assert_eq!(
            text.said_in(&CommandWords),
            "finish with --resume, or give --pixel-size: `--contrast invert`the command line"
        );
        let library = "finish with `Existing::Resume`, or give `pixel_size_angstrom`: `contrast` = `invert`the caller";
        assert_eq!(text, library);
        assert_eq!(
            text.hints().collect::<Vec<_>>(),
            [Hint::Resume, Hint::Give(Setting::PixelSize), Hint::Choose(Setting::Contrast, "invert")]
        );
    }

    #[test]
    fn files_keep_the_commands_words() {
        let text: Text = "run each with " + Hint::Give(Setting::Shard);
        assert_eq!(serde_json::to_string(&text).unwrap(), r#""run each with --shard K/N""#);
    }

    #[test]
    fn files_to_be_given_are_a_command_that_a_shell_takes() {
        let text: Text = "give both: " + Text::from(Segment::Inputs(vec!["J 1/it's.cs".into(), "b.cs".into()]));
        assert_eq!(text.said_in(&CommandWords), r"give both: `verglas convert 'J 1/it'\''s.cs' b.cs -o FOLDER`");
        assert_eq!(text, r#"give both: `Input::from_paths(["J 1/it's.cs", "b.cs"])`"#);
    }

    #[test]
    fn words_that_meet_are_one_piece() {
        let mut text = Text::from("a");
        text.push("b");
        assert_eq!(text, Text::from("ab"));
    }
}
