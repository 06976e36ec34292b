//! Options that are one of a few: their names, what they mean, and how they are read, defined once.
//!
//! [`choice!`] makes the type; the command's and Python's values, their help and their messages come from it.
//! A crate of its own, because the crates below all others have such options too, and it rarely changes.

use std::fmt;

#[doc(hidden)]
pub use serde;

/// One of a few, each with a name; made by [`choice!`].
pub trait Choice: Copy + Eq + fmt::Debug + Send + Sync + 'static {
    /// The name of the option, as a noun: `contrast`.
    const WHAT: &'static str;
    /// All there are.
    const ALL: &'static [Self];

    /// The name on the command line, in Python, and in files.
    fn name(self) -> &'static str;

    /// Its meaning, in one line without a final stop.
    fn help(self) -> &'static str;

    /// The one that has this name.
    ///
    /// # Errors
    /// When none has it.
    fn from_name(name: &str) -> Result<Self, UnknownName> {
        Self::from_name_of(Self::WHAT, name)
    }

    /// The one that has this name, where what is chosen is called `what`.
    ///
    /// # Errors
    /// When none has it: the error calls it `what`.
    fn from_name_of(what: &str, name: &str) -> Result<Self, UnknownName> {
        Self::ALL.iter().copied().find(|choice| choice.name() == name).ok_or_else(|| UnknownName {
            what: what.to_owned(),
            found: name.to_owned(),
            expected: Self::ALL.iter().map(|choice| choice.name()).collect(),
        })
    }
}

/// An unknown name: ``contrast is `x`, expected `as-stored`, `blob-sign` or `invert` ``.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownName {
    what: String,
    found: String,
    expected: Vec<&'static str>,
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, found, expected } = self;
        write!(f, "{what} is `{found}`, expected ")?;
        for (nth, name) in expected.iter().enumerate() {
            let before = match nth {
                0 => "",
                _ if nth + 1 == expected.len() => " or ",
                _ => ", ",
            };
            write!(f, "{before}`{name}`")?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownName {}

/// A doc comment as a line of help: without the space in front and the stop at the end.
#[doc(hidden)]
pub fn as_help(documentation: &'static str) -> &'static str {
    documentation.trim().trim_end_matches('.')
}

/// Defines an option that is one of a few, with `Display`, `FromStr`, `Serialize` and [`Choice`]; the first line of a
/// variant's documentation is its help.
///
/// ```
/// use verglas_choice::{Choice, choice};
///
/// choice! {
///     /// How 8-bit data are meant.
///     pub enum ByteSign("byte sign", default Signed) {
///         /// −128 to 127.
///         Signed = "signed",
///         /// 0 to 255.
///         Unsigned = "unsigned",
///     }
/// }
///
/// assert_eq!("unsigned".parse(), Ok(ByteSign::Unsigned));
/// assert_eq!(ByteSign::default().to_string(), "signed");
/// assert_eq!(ByteSign::Unsigned.help(), "0 to 255");
/// let unknown = "7-bit".parse::<ByteSign>().unwrap_err();
/// assert_eq!(unknown.to_string(), "byte sign is `7-bit`, expected `signed` or `unsigned`");
/// ```
#[macro_export]
macro_rules! choice {
    (
        $(#[$meta:meta])*
        $visible:vis enum $Choice:ident($what:literal $(, default $Default:ident)?) {
            $(#[doc = $help:literal] $(#[doc = $more:literal])* $Variant:ident = $name:literal,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        $visible enum $Choice {
            $(#[doc = $help] $(#[doc = $more])* $Variant,)+
        }

        impl $crate::Choice for $Choice {
            const WHAT: &'static str = $what;
            const ALL: &'static [Self] = &[$(Self::$Variant),+];

            fn name(self) -> &'static str {
                self.as_str()
            }

            fn help(self) -> &'static str {
                match self {
                    $(Self::$Variant => $crate::as_help($help),)+
                }
            }
        }

        impl $Choice {
            /// The name on the command line, in Python, and in files.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$Variant => $name,)+
                }
            }
        }

        impl ::std::fmt::Display for $Choice {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl ::std::str::FromStr for $Choice {
            type Err = $crate::UnknownName;

            fn from_str(name: &str) -> ::std::result::Result<Self, $crate::UnknownName> {
                <Self as $crate::Choice>::from_name(name)
            }
        }

        impl $crate::serde::Serialize for $Choice {
            fn serialize<S: $crate::serde::Serializer>(&self, to: S) -> ::std::result::Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }

        $(impl Default for $Choice {
            fn default() -> Self {
                Self::$Default
            }
        })?
    };
}
