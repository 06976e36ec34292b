//! Promise: `bench` says what it measured, and how.

use crate::data_set::DataSet;

#[test]
fn likelihoods_are_measured_at_the_box_that_is_asked_for() {
    let set = DataSet::empty();
    let ran = set.run(&["bench", "--likelihood", "--n-pixels", "20", "-j", "2", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    for key in ["pairs_per_second", "pairs_per_second_integrated", "template_ms", "template_ms_from_map"] {
        assert!(report[key].as_f64().is_some_and(|number| number > 0.0), "{key}: {report}");
    }
    for (key, expected) in
        [("n_pixels", 20), ("n_shells", 21), ("n_inplanes", 40), ("n_displacements", 257), ("n_threads", 2)]
    {
        assert_eq!(report[key], expected, "{key}");
    }
    assert_eq!(report["precision"], "single");
    assert!(["avx512", "avx2", "portable"].contains(&report["instruction_set"].as_str().unwrap()));

    for arguments in [&["bench", "--likelihood", "--n-pixels", "4"][..], &["bench", "--likelihood", "--folder", "."]] {
        let refused = set.run(arguments);
        assert!(refused.code != 0 && refused.stdout.is_empty(), "{arguments:?}: {}", refused.stdout);
    }
}
