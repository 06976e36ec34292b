//! `verglas export`.

use verglas::export::{Export, export};
use verglas::findings::counted;
use verglas::{Findings, Result};

use crate::args::ExportArguments;
use crate::messages::Messages;

/// Writes the chosen rows.
pub fn run(arguments: &ExportArguments, messages: Messages) -> Result<()> {
    let request = Export {
        folder: arguments.folder.clone(),
        rows: arguments.rows.clone(),
        columns: arguments.add.clone(),
        output: arguments.output.clone(),
        overwrite: arguments.overwrite,
    };
    let mut findings = Findings::new();
    let exported = export(&request, &mut findings);
    messages.findings(&findings);
    let exported = exported?;
    let mut text = format!(
        "{}: {} of {} of {}",
        exported.output,
        exported.n_rows,
        counted(exported.n_images, "row"),
        exported.sources.join(", ")
    );
    if !exported.columns.is_empty() {
        text.push_str(&format!(", with the new columns {}", exported.columns.join(", ")));
    }
    messages.summary(&text, || serde_json::to_value(&exported).unwrap_or_default());
    Ok(())
}
