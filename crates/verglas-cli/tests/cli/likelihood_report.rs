//! Promise: the numbers on the page about likelihoods are those of the tensors, computed independently.

use std::fs;

use verglas::scoring::{PairOf, pairs};
use verglas_formats::pt::{PtFile, write_pt};

use crate::data_set::DataSet;
use crate::likelihood_data::{assert_made, compared, run, tensor};

/// The page's table with this caption: heads, and each row's cells by their value if they have one, otherwise by their
/// text.
pub fn page_table(page: &str, caption: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let start = page.find(&format!("aria-label=\"{caption}\"")).unwrap_or_else(|| panic!("no {caption}"));
    let table = &page[start..];
    let table = &table[..table.find("</table>").unwrap()];
    let text = |html: &str| {
        let mut text = String::new();
        let mut is_tag = false;
        for c in html.chars() {
            match c {
                '<' => is_tag = true,
                '>' => is_tag = false,
                c if !is_tag => text.push(c),
                _ => {}
            }
        }
        text.replace('\u{a0}', " ")
    };
    let (head, body) = table.split_once("<tbody").unwrap();
    let heads =
        head.split("<button type=\"button\">").skip(1).map(|cell| text(cell.split("</button>").next().unwrap()));
    let rows = body.split("<tr role=\"row\">").skip(1).map(|row| {
        let cells = row.split("<td").skip(1);
        cells
            .map(|cell| match cell.split_once("data-value=\"") {
                Some((_, value)) => value.split('"').next().unwrap().to_owned(),
                None => text(cell.split_once('>').unwrap().1.split("</td>").next().unwrap()),
            })
            .collect()
    });
    (heads.collect(), rows.collect())
}

fn column(table: &(Vec<String>, Vec<Vec<String>>), head: &str) -> Vec<String> {
    let place = table.0.iter().position(|found| found.starts_with(head));
    let place = place.unwrap_or_else(|| panic!("no {head} in {:?}", table.0));
    table.1.iter().map(|row| row[place].clone()).collect()
}

pub fn numbers(table: &(Vec<String>, Vec<Vec<String>>), head: &str) -> Vec<f64> {
    column(table, head).iter().map(|text| text.parse().unwrap_or_else(|_| panic!("{head}: {text}"))).collect()
}

/// A folder of results, all read.
struct Results {
    /// By structure, then image.
    log_likelihood: Vec<Vec<f64>>,
    cross_correlation: Vec<Vec<f64>>,
    template: Vec<Vec<f64>>,
    displacement: Vec<Vec<[f64; 2]>>,
}

impl Results {
    fn read(set: &DataSet, folder: &str, n_structures: usize, n_stacks: usize) -> Self {
        let all = |structure: usize, stem: &str| -> Vec<f64> {
            let of = |stack| tensor(&set.path(&format!("{folder}/template{structure}/{stem}_stack_{stack:06}.pt"))).1;
            (0..n_stacks).flat_map(of).collect()
        };
        let of = |stem: &str| (0..n_structures).map(|structure| all(structure, stem)).collect::<Vec<_>>();
        let (x, y) = (of("optimal_pose/optimal_displacement_x"), of("optimal_pose/optimal_displacement_y"));
        let displacement =
            x.into_iter().zip(y).map(|(x, y)| x.into_iter().zip(y).map(<[f64; 2]>::from).collect()).collect();
        Self {
            log_likelihood: of("log_likelihood/log_likelihood_integrated_fourier"),
            cross_correlation: of("cross_correlation/cross_correlation"),
            template: of("optimal_pose/optimal_template"),
            displacement,
        }
    }

    fn n_images(&self) -> usize {
        self.log_likelihood[0].len()
    }

    fn best(&self, image: usize) -> usize {
        usize::from(self.log_likelihood[1][image] > self.log_likelihood[0][image])
    }

    /// The leading structure, and each image's log-likelihood with it minus that with the other one.
    fn leads(&self) -> (usize, Vec<f64>) {
        let leads = |first: usize| {
            let (a, b) = (&self.log_likelihood[first], &self.log_likelihood[1 - first]);
            a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<f64>>()
        };
        let leader = usize::from(leads(0).iter().sum::<f64>() < 0.0);
        (leader, leads(leader))
    }
}

fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-9 * expected.abs().max(1.0)
}

fn report(set: &DataSet, arguments: &[&str]) -> String {
    let ran = set.run(&[&["report", "out"], arguments].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    fs::read_to_string(set.path("out/report.html")).unwrap()
}

#[test]
fn numbers_of_the_page_are_those_of_the_tensors() {
    let set = compared();
    assert_made(&set, "out", "");
    let page = report(&set, &[]);
    let results = Results::read(&set, "out", 2, 3);
    let n = results.n_images();
    let (leader, leads) = results.leads();
    let names = ["a", "b"];
    assert!(page.contains("<h1>Likelihoods of 20 images with 2 structures</h1>"));
    assert!(page.contains("<pre class=\"command\"><code>verglas likelihood stacks -t templates -o out "));

    // By structure, the leading one first.
    let table = page_table(&page, "Numbers of each structure");
    assert_eq!(column(&table, "structure"), [names[leader], names[1 - leader]]);
    for (row, structure) in [leader, 1 - leader].into_iter().enumerate() {
        let images: Vec<usize> = (0..n).filter(|&image| results.best(image) == structure).collect();
        let mut correlations = results.cross_correlation[structure].clone();
        correlations.sort_by(f64::total_cmp);
        // 3 × 5 displacements up to 4 Å.
        let is_at_rim = |image: &&usize| results.displacement[structure][**image].iter().any(|d| d.abs() == 4.0);
        let n_at_rim = images.iter().filter(is_at_rim).count();
        let differences: Vec<f64> = if structure == leader { vec![0.0; n] } else { leads.iter().map(|d| -d).collect() };
        let mean = differences.iter().sum::<f64>() / n as f64;
        let variance = differences.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (n - 1) as f64;
        let value = |head: &str| numbers(&table, head)[row];
        assert_eq!(value("place"), structure as f64);
        assert_eq!(value("images it fits best"), images.len() as f64);
        assert!(close(value("share of all"), 100.0 * images.len() as f64 / n as f64));
        assert!(close(value("median correlation"), correlations[10]), "{correlations:?}");
        assert!(close(value("sum of differences"), mean * n as f64));
        assert!(close(value("mean difference"), mean));
        assert!(close(value("error of the mean"), (variance / n as f64).sqrt()));
        if !images.is_empty() {
            assert!(close(value("of these at the rim"), 100.0 * n_at_rim as f64 / images.len() as f64));
        }
    }
    let sum: f64 = leads.iter().sum();
    let n_for = leads.iter().filter(|&&lead| lead > 0.0).count();
    assert!(page.contains(&format!("{n_for} of 20 images ")), "{n_for}");
    assert!(page.contains(&format!("at the end {}", sum.round())) || sum < 1000.0, "{sum}");

    // Images that decide most, and those that fit worst: the order of all, and where they come from.
    let decisive = page_table(&page, "Images that decide most between the two structures with the largest sums");
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| leads[b].abs().total_cmp(&leads[a].abs()));
    let images = numbers(&decisive, "image");
    assert_eq!(images, order.iter().map(|&image| image as f64).collect::<Vec<_>>());
    let worst = page_table(&page, "Images that fit worst");
    let of_best = |image: usize| results.cross_correlation[results.best(image)][image];
    let mut by_fit: Vec<usize> = (0..n).collect();
    by_fit.sort_by(|&a, &b| of_best(a).total_cmp(&of_best(b)));
    assert_eq!(numbers(&worst, "image"), by_fit.iter().map(|&image| image as f64).collect::<Vec<_>>());
    let csv = fs::read_to_string(set.path("out/results.csv")).unwrap();
    let lines: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    let csv_column = |name: &str| lines[0].iter().position(|head| *head == name).unwrap();
    for (table, place) in [(&decisive, true), (&worst, false)] {
        for (row, &image) in numbers(table, "image").iter().enumerate() {
            let image = image as usize;
            let structure = match place {
                true if leads[image] < 0.0 => 1 - leader,
                true => leader,
                false => results.best(image),
            };
            let line = &lines[numbers(table, "line of results.csv")[row] as usize - 1];
            assert_eq!(line[csv_column("image")], image.to_string());
            assert_eq!(line[csv_column("structure")], structure.to_string());
            let same = |head: &str, name: &str, from: f64| {
                let expected: f64 = line[csv_column(name)].parse().unwrap();
                assert_eq!(numbers(table, head)[row], expected + from, "{head} of {image}");
            };
            same("row", "row", 0.0);
            same("section", "section", 1.0);
            same("stack", "stack", 0.0);
            same("place in it", "index", 0.0);
            assert_eq!(column(table, "file")[row], line[csv_column("file")]);
            assert!(close(numbers(table, "correlation with it")[row], of_best(image)));
            assert_eq!(column(table, "best structure")[row], names[results.best(image)]);
            let is_at_rim = results.displacement[results.best(image)][image].iter().any(|d| d.abs() == 4.0);
            assert_eq!(column(table, "at the rim")[row], if is_at_rim { "yes" } else { "no" });
            if place {
                assert!(close(numbers(table, "in favour of the first")[row], leads[image]));
            }
        }
    }
    assert_eq!(page.matches("<a href=\"results.csv\">").count(), 40);

    // Views and displacements of the best structures.
    let mut views: Vec<usize> = (0..n).map(|image| results.template[results.best(image)][image] as usize).collect();
    views.sort_unstable();
    views.dedup();
    let n_views = PtFile::open(set.path("templates/templates_fourier_a.pt")).unwrap().tensor().n_rows() as usize;
    assert!(page.contains(&format!("{} of {n_views} views do not occur", n_views - views.len())));
    let at_rim = (0..n).filter(|&i| results.displacement[results.best(i)][i].iter().any(|d| d.abs() == 4.0)).count();
    // 15 displacements, of which 3 lie within.
    assert!(
        page.contains(&format!(
            "{:.1} % of the best poses are at the rim, as are 80.0 %",
            100.0 * at_rim as f64 / 20.0
        ))
    );

    // Elsewhere there is nothing to link to.
    let ran = set.run(&["report", "out", "-o", "page.html"]);
    assert!(ran.code == 0 && ran.stdout.starts_with("20 images with 2 structures\npage.html ("), "{}", ran.stdout);
    assert!(!fs::read_to_string(set.path("page.html")).unwrap().contains("<a href=\"results.csv\">"));
}

#[test]
fn the_head_says_what_the_numbers_depend_on() {
    let set = compared();
    assert_made(&set, "out", "--as-cryolike --no-integrated");
    let page = report(&set, &[]);
    // 32² = 1024 against 4π·8² = 804.2.
    for words in [
        "compared as CryoLike does",
        "N² = 1024",
        "the grid reaches only 804:",
        "1.27 times too large",
        "best pose alone",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert!(page.contains("<dt>formulas</dt><dd>CryoLike's</dd>") && page.contains("<dd>plain, best pose</dd>"));
    assert_made(&set, "out", "--overwrite");
    let page = report(&set, &[]);
    assert!(!page.contains("CryoLike") && page.contains("<dt>formulas</dt><dd>ours</dd>"));
}

#[test]
fn a_folder_that_is_not_complete_is_reported_as_far_as_it_goes() {
    let set = compared();
    // Units go by structure, then stack: the first shard has the first structure.
    assert_made(&set, "out", "--shard 1/2");
    let page = report(&set, &[]);
    assert!(page.contains("<h1>Likelihoods of 20 images with a</h1>"));
    assert!(page.contains("this page compares 1 of 2 structures and 20 of 20 images"), "{page}");
    assert!(page.contains("not complete: 3 of 6 units are there"));
    assert!(!page.contains("id=\"differences\"") && !page.contains("line of results.csv"));
    assert!(page.contains("id=\"directions\"") && page.contains("id=\"fit\""));
    let table = page_table(&page, "Numbers of each structure");
    assert_eq!(column(&table, "images it fits best"), ["20"]);
}

/// With its stacks, and with images that are made again.
#[test]
fn images_stand_beside_the_templates_of_their_best_poses() {
    let set = compared();
    assert_made(&set, "out", "");
    let straight = "likelihood data/particles.star --batch-size 8 -t templates -o straight --max-displacement 2 \
                    --displacements 3,5 --likelihood plain";
    assert_eq!(run(&set, straight).code, 0);
    let results = Results::read(&set, "out", 2, 3);
    let wanted: Vec<PairOf> = (0..20)
        .flat_map(|image| [0, 1].map(|structure| PairOf { stack: image / 8, image: image % 8, structure }))
        .collect();
    for folder in ["out", "straight"] {
        // Paths in the records are from the folder that the command ran in.
        let found = pairs(&set.path(folder), &wanted).unwrap().pairs;
        for (wanted, pair) in wanted.iter().zip(&found) {
            let expected = results.cross_correlation[wanted.structure][8 * wanted.stack + wanted.image];
            // The template's mean over the box is that of where it stands, which makes this difference.
            assert!((pair.correlation - expected).abs() < 2e-3, "{wanted:?}: {} {expected}", pair.correlation);
        }
        let ran = set.run(&["report", folder]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{folder}");
        let page = fs::read_to_string(set.path(&format!("{folder}/report.html"))).unwrap();
        let section = page.split("id=\"beside\"").nth(1).unwrap_or_else(|| panic!("{folder}: no pictures"));
        let section = section.split("</section>").next().unwrap();
        assert_eq!(section.matches("<img").count(), 16, "{folder}");
        let best = (0..20).max_by(|&a, &b| {
            let of = |image: usize| results.cross_correlation[results.best(image)][image];
            of(a).total_cmp(&of(b))
        });
        assert!(section.contains(&format!("at the best pose of image {}", best.unwrap())), "{folder}");
    }
    // Without images or templates, the page says why there are none.
    fs::rename(set.path("data/stacks"), set.path("gone")).unwrap();
    assert_eq!(set.run(&["report", "straight"]).code, 0);
    let page = fs::read_to_string(set.path("straight/report.html")).unwrap();
    assert!(
        page.contains("there are no pictures of images beside their templates: ") && !page.contains("id=\"beside\"")
    );
}

#[test]
fn images_that_were_made_on_the_way_have_their_rows() {
    let set = compared();
    assert_made(&set, "stacked", "");
    let straight = "likelihood data/particles.star --batch-size 8 -t templates -o out --max-displacement 2 --displacements 3,5 \
                    --likelihood plain";
    assert_eq!(run(&set, straight).code, 0);
    let lists = |folder: &str| {
        let ran = set.run(&["report", folder]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        let page = fs::read_to_string(set.path(&format!("{folder}/report.html"))).unwrap();
        let table = page_table(&page, "Images that fit worst");
        ["row", "file", "section"].map(|name| column(&table, name))
    };
    let (stacked, straight) = (lists("stacked"), lists("out"));
    assert!(straight[0].iter().all(|row| row.parse::<u32>().is_ok()), "{straight:?}");
    assert_eq!(stacked, straight);
    // Metadata that were changed don't say it any more.
    let star = set.path("data/particles.star");
    let text = fs::read_to_string(&star).unwrap();
    let last = text.trim_end().rfind('\n').unwrap();
    fs::write(&star, &text[..=last]).unwrap();
    assert!(report(&set, &[]).contains("the origin of the listed images is unknown: the metadata give other images"));
}

#[test]
fn what_is_not_there_any_more_is_said() {
    let set = compared();
    assert_made(&set, "out", "");
    fs::rename(set.path("templates"), set.path("gone")).unwrap();
    fs::remove_file(set.path("stacks/fft/particles_fourier_stack_000001.npz")).unwrap();
    let page = report(&set, &[]);
    assert!(page.contains("The viewing directions are unknown: "));
    assert!(page.contains("the origin of the listed images is unknown: "));
    // A file of the folder itself is no such thing.
    fs::remove_file(set.path("out/template1/cross_correlation/cross_correlation_stack_000002.pt")).unwrap();
    let ran = set.run(&["report", "out"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("template1/cross_correlation/cross_correlation_stack_000002.pt"), "{}", ran.stderr);
}

#[test]
fn images_without_results_count_in_nothing() {
    let set = compared();
    assert_made(&set, "out", "");
    // The image at place 2 of stack 1 has none, with either structure.
    for structure in 0..2 {
        for stem in ["cross_correlation/cross_correlation", "log_likelihood/log_likelihood_integrated_fourier"] {
            let path = set.path(&format!("out/template{structure}/{stem}_stack_000001.pt"));
            let (_, mut values) = tensor(&path);
            values[2] = f64::NAN;
            let mut bytes = Vec::new();
            write_pt(&mut bytes, &[values.len() as u64], &values).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
    let page = report(&set, &[]);
    assert!(page.contains("1 image has no results"), "{page}");
    assert!(page.contains("<h1>Likelihoods of 19 images with 2 structures</h1>"));
    let table = page_table(&page, "Numbers of each structure");
    assert_eq!(numbers(&table, "images it fits best").iter().sum::<f64>(), 19.0);
    assert!(!numbers(&page_table(&page, "Images that fit worst"), "image").contains(&10.0));
    assert!(!page.contains("NaN"));
}
