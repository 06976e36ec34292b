//! Paths in a manifest: any bytes, given back as they were.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A path as the user or a metadata file wrote it.
///
/// In the file it is text. A path that is not UTF-8 is an object: `hex`, its bytes, and `text`, the same for people.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RecordedPath(pub PathBuf);

impl RecordedPath {
    /// The path, relative to `working_dir` if it is not absolute.
    pub fn from_dir(&self, working_dir: &Path) -> PathBuf {
        working_dir.join(&self.0)
    }
}

impl From<&Path> for RecordedPath {
    fn from(path: &Path) -> Self {
        Self(path.to_owned())
    }
}

impl std::ops::Deref for RecordedPath {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

#[derive(Serialize, Deserialize)]
struct NotUtf8 {
    hex: String,
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    NotUtf8(NotUtf8),
}

impl Serialize for RecordedPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.to_str() {
            Some(text) => serializer.serialize_str(text),
            None => {
                let hex = self.0.as_os_str().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
                NotUtf8 { hex, text: self.0.to_string_lossy().into_owned() }.serialize(serializer)
            }
        }
    }
}

impl<'de> Deserialize<'de> for RecordedPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Written::deserialize(deserializer)? {
            Written::Text(text) => Ok(Self(text.into())),
            Written::NotUtf8(NotUtf8 { hex, .. }) => {
                let bytes =
                    from_hex(&hex).ok_or_else(|| D::Error::custom(format!("`{hex}` is not a hexadecimal path")))?;
                Ok(Self(OsString::from_vec(bytes).into()))
            }
        }
    }
}

fn from_hex(hex: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| (byte as char).to_digit(16);
    let bytes = pairs.iter().map(|&[high, low]| Some((digit(high)? * 16 + digit(low)?) as u8));
    if rest.is_empty() { bytes.collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_comes_back_as_it_was() {
        for bytes in [&b"a b/c'\"d.mrcs"[..], "µ/粒子.star".as_bytes(), b"caf\xe9/\xff\n.mrc", b"", b"/abs/\x01"] {
            let path = RecordedPath(OsString::from_vec(bytes.to_vec()).into());
            let text = serde_json::to_string(&path).unwrap();
            assert_eq!(serde_json::from_str::<RecordedPath>(&text).unwrap(), path, "{text}");
        }
        assert_eq!(serde_json::to_string(&RecordedPath("a/b".into())).unwrap(), "\"a/b\"");
    }

    #[test]
    fn damaged_paths_are_refused() {
        for text in [r#"{"hex": "6"}"#, r#"{"hex": "zz"}"#, r#"{"hex": "é1"}"#, "{}", "7"] {
            assert!(serde_json::from_str::<RecordedPath>(text).is_err(), "{text}");
        }
    }
}
