//! What the demo says at its end.

use serde_json::{Value, json};
use verglas::report::{REPORT, ReportSummary};
use verglas::scoring::LikelihoodSummary;
use verglas::templates::TemplateSummary;
use verglas::weights::Weights;
use verglas::{Error, Result, Summary, Verification};

use super::found::Found;
use super::images::Agreement;
use super::molecule::CONFORMATIONS;
use super::steps::{MAX_DISPLACEMENT_PIXELS, N_DISPLACEMENTS, VIEWING_DISTANCE};
use super::{BATCH_SIZE, Folders};
use crate::{convert, likelihood, templates, verify, weights};

/// All that came out.
pub struct Done<'a> {
    pub folders: &'a Folders,
    pub conversion: Summary,
    pub verification: Verification,
    pub templates: TemplateSummary,
    pub likelihood: LikelihoodSummary,
    pub weights: Weights,
    pub reports: Vec<ReportSummary>,
    pub agreement: Agreement,
    pub found: Found,
}

impl Done<'_> {
    /// As text.
    pub fn told(&self) -> String {
        [self.steps(), self.files(), self.by_hand(), self.pages(), self.truth()].join("\n\n")
    }

    fn steps(&self) -> String {
        let steps = [
            ("Particles to stacks", convert::describe(&self.conversion) + "\n" + &verify::describe(&self.verification)),
            ("Structures to templates", templates::describe(&self.templates)),
            ("Stacks against templates", likelihood::describe(&self.likelihood)),
            ("Likelihoods to weights", weights::describe(&self.weights)),
        ];
        let told = steps.iter().map(|(title, text)| format!("{title}\n  {}", text.replace('\n', "\n  ")));
        told.collect::<Vec<_>>().join("\n\n")
    }

    fn files(&self) -> String {
        let folders = self.folders;
        let files = [
            (folders.structures.join(CONFORMATIONS[0].file), "a made-up protein, one bead per residue"),
            (folders.structures.join(CONFORMATIONS[1].file), "the same in another conformation"),
            (folders.star(), "simulated particles, as RELION would write them"),
            (folders.data.join("truth.npz"), "what each of them shows, at which pose"),
            (
                folders.stacks.join("fft"),
                "Fourier images on the polar grid, and how each was taken: what CryoLike reads",
            ),
            (folders.stacks.join("phys"), "centred images"),
            (folders.stacks.join("parameters.npz"), "the grids (CryoLike's image descriptor)"),
            (folders.templates.join("template_file_list.npy"), "the list of templates"),
            (folders.likelihood.join("results.csv"), "how each image compares with each structure, and its best pose"),
            (folders.weights.join("weights.csv"), "what share of the images shows which structure"),
        ];
        let files = files.map(|(path, text)| (path.display().to_string(), text));
        in_columns("Files", &files)
    }

    fn by_hand(&self) -> String {
        let folders = self.folders;
        let [open, closed] = [0, 1].map(|which| folders.structures.join(CONFORMATIONS[which].file));
        let (star, stacks) = (folders.star(), folders.stacks.join("fft/particles_fourier_stack_000000.pt"));
        format!(
            "The same by hand\n\
             \x20 verglas convert {} -o stacks --batch-size {BATCH_SIZE} --defocus-angle-axis rows\n\
             \x20 verglas verify stacks\n\
             \x20 verglas templates {} {} -o templates -d stacks --viewing-distance {VIEWING_DISTANCE}\n\
             \x20 verglas likelihood stacks -t templates -o likelihood --max-displacement {MAX_DISPLACEMENT_PIXELS} \
             --displacements {N_DISPLACEMENTS}\n\
             \x20 verglas weights likelihood -o weights\n\
             \x20 verglas report stacks   (and templates, likelihood, weights)\n\
             Back to RELION:   verglas export {} --rows chosen.npy -o chosen.star\n\
             In Python:        torch.load(\"{}\", weights_only=True)\n\
             In CryoLike:      ImageDescriptor.load(\"{}\"), then run its likelihood on the stacks",
            star.display(),
            open.display(),
            closed.display(),
            folders.stacks.display(),
            stacks.display(),
            folders.stacks.join("parameters.npz").display(),
        )
    }

    fn pages(&self) -> String {
        let folders = self.folders;
        let pages = [
            (&folders.stacks, "images, their Fourier transforms, outliers"),
            (&folders.templates, "views of both structures"),
            (&folders.likelihood, "which structure fits how well, poses, noise"),
            (&folders.weights, "shares of the images, with intervals"),
        ];
        let pages = pages.map(|(folder, text)| (folder.join(REPORT).display().to_string(), text));
        in_columns("Pages: open them in a browser", &pages)
    }

    /// How the result compares with what was simulated.
    fn truth(&self) -> String {
        let (agreement, found) = (self.agreement, &self.found);
        let shares = found.shares.iter().map(|share| {
            format!(
                "{} {:.3} (95 %: {:.3} to {:.3}), in truth {:.3}",
                share.name, share.weight, share.interval.lo95, share.interval.hi95, share.truth
            )
        });
        format!(
            "Compared with the truth, which the demo knows\n\
             \x20 images      each correlates {:.3} with itself without noise, at its pose and with its CTF ({:.3} is what this \
             noise leaves)\n\
             \x20 structures  {} of {} images ({:.1} %) go best with the structure that they show\n\
             \x20 weights     {}\n\
             \x20 poses       {:.1}° between found and true viewing directions, {:.2} Å between origins (medians)",
            agreement.correlation,
            agreement.expected,
            found.n_right,
            found.n_images,
            100.0 * found.share_right(),
            shares.collect::<Vec<_>>().join("\n              "),
            found.view_deg,
            found.origin_angstrom,
        )
    }

    /// The same for programs.
    pub fn as_json(&self) -> Value {
        let found = &self.found;
        let shares = found.shares.iter().map(|share| {
            json!({
                "name": share.name,
                "truth": share.truth,
                "weight": share.weight,
                "lo95": share.interval.lo95,
                "hi95": share.interval.hi95,
            })
        });
        json!({
            "conversion": self.conversion,
            "verification": self.verification,
            "templates": self.templates,
            "likelihood": self.likelihood,
            "weights": self.weights,
            "reports": self.reports,
            "truth": {
                "correlation": self.agreement.correlation,
                "expected": self.agreement.expected,
                "n_images": found.n_images,
                "n_right": found.n_right,
                "shares": shares.collect::<Vec<_>>(),
                "view_deg": found.view_deg,
                "rotation_deg": found.rotation_deg,
                "origin_angstrom": found.origin_angstrom,
            },
        })
    }

    /// Everything as expected?
    ///
    /// # Errors
    /// When something is not.
    pub fn expect_truth(&self) -> Result<()> {
        let wrong = |folder: &std::path::Path, what: String| {
            Err(Error::value(format!("`{}` does not hold what was simulated: {what}", folder.display()))
                .with_hint("if another version made the data, choose another folder: `verglas demo FOLDER`"))
        };
        if !self.agreement.is_as_expected() {
            let Agreement { correlation, expected } = self.agreement;
            let what = format!("its images correlate {correlation:.3} with the truth, expected {expected:.3}");
            return wrong(&self.folders.stacks, what);
        }
        match self.found.wrong() {
            Some(what) => wrong(&self.folders.likelihood, what),
            None => Ok(()),
        }
    }
}

/// Paths, and what each is, one below the other.
fn in_columns(title: &str, lines: &[(String, &str)]) -> String {
    let width = lines.iter().map(|(path, _)| path.chars().count()).max().unwrap_or(0);
    let lines = lines.iter().map(|(path, text)| format!("\n  {path:width$}   {text}"));
    title.to_owned() + &lines.collect::<String>()
}
