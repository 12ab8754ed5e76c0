//! What is recorded of GPUs' compilers: no spills but known ones, tables as recorded, and what would be refused.

use std::path::Path;

use kernels_tests::compilers::{
    COMPILERS, Complaint, Figures, Record, held, kernel, known_spill, long, replaced, short,
};

fn records() -> [Record; COMPILERS.len()] {
    COMPILERS
        .each_ref()
        .map(|compiler| Record::read(compiler.name).unwrap_or_else(|e| panic!("{}: {e}", compiler.name)))
}

#[test]
fn nothing_recorded_spills_but_what_may() {
    for (compiler, record) in COMPILERS.iter().zip(records()) {
        assert!(record.figures.len() > 500, "{} variants of {}", record.figures.len(), compiler.name);
        let spilling = record.figures.iter().filter(|(_, figures)| figures.spills());
        let unknown: Vec<&str> = spilling
            .map(|(variant, _)| &variant[..])
            .filter(|variant| known_spill(compiler.name, variant).is_none())
            .collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", compiler.name);
    }
}

#[test]
fn tables_show_what_is_recorded() {
    let records = records();
    for (file, table) in [("README.md", short(&records)), ("data/compilers/README.md", long(&records))] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
        let text = std::fs::read_to_string(path).expect("it is there");
        let expected = replaced(&text, &table).expect("it has a place for the table");
        assert!(
            text == expected,
            "the table of {file} is not that of data/compilers: `.ci/compilers --record` writes it"
        );
    }
}

#[test]
fn what_is_worse_than_recorded_is_named() {
    let usual = Figures { instructions: 900, registers: 96, waves: 14, spills: 0, private: Some(0), shared: None };
    let record = |version: &str, variants: &[(&str, Figures)]| Record {
        version: version.to_owned(),
        figures: variants.iter().map(|(name, figures)| ((*name).to_owned(), *figures)).collect(),
    };
    let navi = &COMPILERS[2];
    let complaints = |version: &str, name: &str, now: Figures, before: Figures| {
        let found = held(navi, &record(version, &[(name, now)]), &record("a", &[(name, before)]));
        found
            .into_iter()
            .map(|(variant, why)| {
                assert_eq!(variant, name);
                why
            })
            .collect::<Vec<_>>()
    };
    let adam = "adam.main";
    assert_eq!(complaints("a", adam, Figures { registers: 105, waves: 13, instructions: 2000, ..usual }, usual), []);
    let heavy = Figures { registers: 106, waves: 12, ..usual };
    let both = [Complaint::Registers { now: 106, before: 96 }, Complaint::Waves { now: 12, before: 14 }];
    assert_eq!(complaints("a", adam, heavy, usual), both);
    assert_eq!(complaints("b", adam, heavy, usual), []);
    // Spills are refused of any version, recorded or not.
    let spilling = Figures { spills: 3, private: Some(8), ..usual };
    assert_eq!(complaints("b", adam, spilling, spilling), [Complaint::Spills { now: (3, 8), allowed: (0, 0) }]);
    // But for known kernels, which may not spill more.
    let known = "winograd_maps.maps";
    assert_eq!(complaints("a", known, spilling, spilling), []);
    let more = Figures { spills: 4, ..spilling };
    assert_eq!(complaints("b", known, more, spilling), [Complaint::Spills { now: (4, 8), allowed: (3, 8) }]);
    // A new variant of such a kernel may spill as much as others of its own.
    let new =
        |figures| held(navi, &record("a", &[("winograd_maps.gradients", figures)]), &record("a", &[(known, spilling)]));
    assert_eq!((new(spilling).len(), new(more).len()), (0, 1));
}

#[test]
fn records_are_read_as_they_are_written() {
    let figures = Figures { instructions: 1, registers: 2, waves: 3, spills: 4, private: None, shared: Some(5) };
    let record = Record { version: "NVK, Mesa 26".into(), figures: [("a.b.C-0.2".to_owned(), figures)].into() };
    assert_eq!(record.text().lines().last(), Some("a.b.C-0.2,1,2,3,4,,5"));
    assert_eq!(Record::parse(&record.text()).expect("just written"), record);
    let cut = record.text().replace(",,5", ",");
    assert_eq!(Record::parse(&cut).expect_err("a cell is missing").to_string().find("line 3"), Some(0));
}

#[test]
fn tiles_are_kernels_of_their_own() {
    let names = [
        "adam.main",
        "conv2d_tiled.main.MODE-INPUT_GRAD",
        "conv2d_tiled.main.COLUMNS-8.KERNEL_W-3",
        "conv2d_tiled_weight_grad.main.THREADS_M-8.TAPS-9",
        "conv2d_tiled.main.THREADS_M-8.THREADS_N-8",
        "conv2d_tiled.main.THREADS_M-4.THREADS_N-32",
        "conv2d_tiled_weight_grad.main.THREADS_M-4.THREADS_N-64.ROWS-1",
    ];
    let [adam, large, wide, medium, small, flat, thin] = names.map(kernel);
    assert_eq!([adam, large, wide], ["adam", "conv2d_tiled, large", "conv2d_tiled, wide"]);
    assert_eq!([medium, small], ["conv2d_tiled_weight_grad, medium", "conv2d_tiled, small"]);
    assert_eq!([flat, thin], ["conv2d_tiled, flat", "conv2d_tiled_weight_grad, thin"]);
}
