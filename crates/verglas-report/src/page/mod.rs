//! A page: the frame that every kind of page has, with its style and script, and the parts that sections consist of.
//!
//! A page is one text that needs no other file. Whatever is put into it as text is escaped by the templates, and its own
//! policy forbids it to fetch anything.

mod picture;
mod table;
mod words;

use maud::{DOCTYPE, Markup, PreEscaped, html};

pub(crate) use picture::{Picture, colour_bar, data_address, scale_bar};
pub(crate) use table::{Cell, table};
pub(crate) use words::{bytes_in_words, date_and_time, four_digits, name, two_digits, with_code};

/// By this, in its head, a page is known again.
pub(crate) const GENERATOR: &str = "name=\"generator\" content=\"verglas";

/// The contents of a page, from top to bottom.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) title: String,
    /// The folder that it is about.
    pub(crate) folder: String,
    /// When and how the folder was made.
    pub(crate) origin: Origin,
    /// The most important numbers: name and value.
    pub(crate) facts: Vec<(&'static str, String)>,
    /// Warnings; parts in backticks are code.
    pub(crate) warnings: Vec<String>,
    pub(crate) sections: Vec<Section>,
}

/// When and how a folder was made.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Origin {
    /// The version of verglas that made it.
    pub(crate) version: String,
    /// When the run began and when it was last heard of, seconds since 1970, UTC.
    pub(crate) time: Option<[f64; 2]>,
    /// The command that was given, where it is recorded.
    pub(crate) command: Option<String>,
}

/// A part of a page under a heading of its own.
#[derive(Debug)]
pub(crate) struct Section {
    /// By this the section is linked to.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) body: Markup,
}

impl Page {
    /// The page as one text.
    pub(crate) fn write(&self) -> String {
        let version = env!("CARGO_PKG_VERSION");
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; \
                        style-src 'unsafe-inline'; script-src 'unsafe-inline'";
                    (PreEscaped(format!("<meta {GENERATOR} {version}\">")))
                    title { (self.title) " – verglas" }
                    link rel="icon" href="data:,";
                    style { (PreEscaped(include_str!("style.css"))) }
                }
                body {
                    @if let Some(first) = self.sections.first() {
                        a.skip href={ "#" (first.id) } { "Skip to " (first.title.to_lowercase()) }
                    }
                    header { (self.head()) }
                    main {
                        @for section in &self.sections {
                            section id=(section.id) { h2 { (section.title) } (section.body) }
                        }
                    }
                    footer { "Written by verglas " (version) "; the folder was made by verglas " (self.origin.version) "." }
                    dialog aria-labelledby="enlarged" {
                        form method="dialog" { h3 id="enlarged" {} button { "Close" } }
                        div.stage {}
                    }
                    script { (PreEscaped(include_str!("script.js"))) }
                }
            }
        };
        words::only_visible(page.into_string())
    }

    fn head(&self) -> Markup {
        html! {
            h1 { (self.title) }
            p.faint {
                "in " code { (self.folder) }
                @if let Some(time) = self.origin.time { ", made " (words::time_span(time)) " UTC" }
            }
            @if let Some(command) = &self.origin.command { pre.command { code { (command) } } }
            dl.facts {
                @for (name, value) in &self.facts { div { dt { (name) } dd { (value) } } }
            }
            @if !self.warnings.is_empty() {
                section aria-label="Warnings" {
                    @for warning in &self.warnings { div.warning { (with_code(warning)) } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> String {
        let page = Page {
            title: text.to_owned(),
            folder: text.to_owned(),
            origin: Origin { version: text.to_owned(), time: Some([0.0, 60.0]), command: Some(text.to_owned()) },
            facts: vec![("a number", text.to_owned())],
            warnings: vec![text.to_owned(), format!("`{text}`")],
            sections: vec![Section { id: "first", title: "First things", body: html! { p { (text) } } }],
        };
        page.write()
    }

    #[test]
    fn nothing_from_a_file_becomes_part_of_the_page() {
        let plain = page("");
        let odd = page("</script><b title=\"x\">&amp;\u{1b}\u{85}\u{202e}\u{200b}");
        for tag in ["<b", "</script", "<code", "</div>"] {
            assert_eq!(odd.matches(tag).count(), plain.matches(tag).count(), "{tag}");
        }
        assert_eq!(odd.matches("&lt;b title=&quot;x&quot;&gt;&amp;amp;\u{fffd}\u{fffd}\u{fffd}\u{fffd}").count(), 9);
    }

    #[test]
    fn a_page_says_when_and_how_its_folder_was_made_and_links_to_its_first_section() {
        let page = page("verglas convert a.star -o out");
        assert!(page.contains(", made 1970-01-01, 00:00 to 00:01 UTC"));
        assert!(page.contains("<pre class=\"command\"><code>verglas convert a.star -o out</code></pre>"));
        assert!(page.contains("href=\"#first\">Skip to first things<") && page.contains("<section id=\"first\">"));
        assert!(page.contains(GENERATOR));
    }
}
