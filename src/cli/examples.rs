//! Examples under the help of each verb.

use clap::Command;

use crate::prediction::flags;
use crate::report::log_columns;

/// What each verb is typically asked for.
const EXAMPLES: [(&str, &[(&str, &str)]); 18] = [
    ("devices", &[("which adapters there are", "papilla devices"), ("for another program", "papilla devices --json")]),
    (
        "conformance",
        &[
            ("every case of a folder", "papilla conformance kernels-tests/golden"),
            (
                "one operator on the f64 reference",
                "papilla conformance kernels-tests/golden --filter 'conv2d_*' --device cpu",
            ),
        ],
    ),
    (
        "synth",
        &[
            ("two clinics of 200 + 50 regions", "papilla synth --out clinics"),
            ("small ones, other eyes", "papilla synth --out small --size 128 --train 40 --test 10 --seed 7"),
        ],
    ),
    (
        "prepare",
        &[
            (
                "Drishti-GS1 as it is unpacked",
                "papilla prepare --layout drishti-gs --input Drishti-GS1 --out Drishti-GS",
            ),
            (
                "any folders of images and masks",
                "papilla prepare --layout pairs --input photographs --images image --masks mask --cup 255 --disc 128 --out clinic",
            ),
            (
                "masks in colours, in folders that are called `images` and `masks` or the like",
                "papilla prepare --layout pairs --input labelled --cup '#ffff00' --disc '#ff0000' --out clinic",
            ),
        ],
    ),
    (
        "check",
        &[
            ("a dataset before it is trained on", "papilla check refuge"),
            ("that two have no picture in common", "papilla check refuge Drishti-GS"),
        ],
    ),
    (
        "adapt",
        &[
            (
                "by training, the recommended way",
                "papilla adapt --checkpoint runs/first --source refuge --target Drishti-GS --out runs/adapted",
            ),
            (
                "to the training regions of a dataset",
                "papilla adapt --statistics --checkpoint runs/first --target Drishti-GS --out adapted.safetensors",
            ),
            (
                "with images brought to the colours of the source as well",
                "papilla adapt --colours --source refuge --statistics --target clinic/images --checkpoint runs/first \
                 --out adapted.safetensors",
            ),
            (
                "the same, with thresholds that are right for it",
                "papilla adapt --colours --thresholds --source refuge --checkpoint runs/first --out adapted.safetensors",
            ),
            (
                "with discs of other sizes than the source's",
                "papilla adapt --scales 0.8,1,1.25 --thresholds --source refuge --checkpoint runs/first --out adapted.safetensors",
            ),
        ],
    ),
    (
        "train",
        &[
            (
                "on one camera, from ImageNet weights",
                "papilla train --source refuge --out runs/first --size 256 --init mobilenet_v2-b0353104.pth",
            ),
            (
                "adapt it to another camera",
                "papilla train --source refuge --target Drishti-GS --method clr --warmup-epochs 1 --out runs/adapted \
                 --size 256 --init runs/first/checkpoints/last.safetensors",
            ),
            ("from a settings file", "papilla train --config run.toml --out runs/second"),
            ("go on where it stopped", "papilla train --resume runs/adapted"),
            ("and for longer", "papilla train --resume runs/adapted --epochs 20"),
        ],
    ),
    (
        "evaluate",
        &[
            (
                "Dice and distances on a labelled split",
                "papilla evaluate --checkpoint runs/first/checkpoints/best.safetensors --data Drishti-GS/test",
            ),
            (
                "the same with a line for each image, with the published post-processing and thresholds",
                "papilla evaluate --checkpoint best.safetensors --data Drishti-GS/test --erosion 7 \
                 --threshold-cup 0.1 --threshold-disc 0.5 --out results",
            ),
        ],
    ),
    (
        "predict",
        &[
            (
                "a folder of regions",
                "papilla predict --checkpoint runs/first/checkpoints/best.safetensors regions --out masks",
            ),
            (
                "two images, with the network's logits",
                "papilla predict --checkpoint best.safetensors a.png b.jpg --out masks --logits",
            ),
            (
                "whole photographs, with how sure the network is",
                "papilla predict --checkpoint best.safetensors photographs --find-disc --uncertainty 8 --out masks",
            ),
        ],
    ),
    (
        "demo",
        &[
            ("everything, in small", "papilla demo"),
            ("with other eyes, elsewhere", "papilla demo --out /tmp/demo --seed 1"),
        ],
    ),
    (
        "bench",
        &[
            ("each layer, and a training step", "papilla bench"),
            (
                "the whole method's step, for another program",
                "papilla bench --step --method clr --size 256 --batch 4 --json",
            ),
            ("what runs when, for ui.perfetto.dev", "papilla bench --step --trace step.json"),
            ("all about the adapter, to be compared", "papilla bench --portability --out adapters"),
            ("two adapters side by side", "papilla bench compare adapters/a.json adapters/b.json"),
        ],
    ),
    (
        "plan",
        &[
            ("memory of the whole method", "papilla plan --method clr"),
            ("what fits into 8 GiB", "papilla plan --method clr --size 512 --batch 8 --memory-budget 8GiB"),
            ("the time to expect of a GPU by its data sheet", "papilla plan --typical --ceilings 12.7TFLOPS,360GB/s"),
        ],
    ),
    (
        "convert",
        &[
            (
                "a run's weights for the published code",
                "papilla convert runs/first/checkpoints/best.safetensors best.pth.tar",
            ),
            ("published weights for this program", "papilla convert published.pth.tar published.safetensors"),
            ("for ONNX Runtime", "papilla convert runs/first/checkpoints/best.safetensors best.onnx"),
        ],
    ),
    (
        "report",
        &[
            ("a run, with its test images", "papilla report runs/first"),
            (
                "two runs side by side, charts as SVG files",
                "papilla report runs/first runs/adapted --out report.html --charts figures",
            ),
        ],
    ),
    (
        "shaders",
        &[
            ("as Metal receives them", "papilla shaders --to msl --out shaders-msl"),
            ("as Vulkan receives them, listed for another program", "papilla shaders --to spirv --out spirv --json"),
        ],
    ),
    (
        "config",
        &[
            ("a file to edit", "papilla config > run.toml"),
            ("one for the whole method", "papilla config --source refuge --target Drishti-GS --method clr > run.toml"),
        ],
    ),
    (
        "completions",
        &[
            ("for bash", "papilla completions bash > ~/.local/share/bash-completion/completions/papilla"),
            ("for fish", "papilla completions fish > ~/.config/fish/completions/papilla.fish"),
        ],
    ),
    (
        "man",
        &[
            ("for this user", "papilla man --out ~/.local/share/man/man1"),
            ("beside the program", "papilla man --out target/man"),
        ],
    ),
];

/// A call that does what a verb is for.
pub(super) fn typical(verb: &str) -> Option<&'static str> {
    let (_, examples) = EXAMPLES.iter().find(|(name, _)| *name == verb)?;
    examples.first().map(|(_, call)| *call)
}

/// A call in lines that fit any terminal, and are one command for a shell.
fn in_lines(call: &str) -> String {
    const WIDTH: usize = 76;
    let mut lines = vec![String::new()];
    // A flag stays with its value.
    for (index, part) in call.split(" --").enumerate() {
        let part = if index == 0 { part.to_string() } else { format!("--{part}") };
        match lines.last_mut().filter(|line| line.is_empty() || line.len() + 1 + part.len() <= WIDTH - 2) {
            Some(line) if line.is_empty() => *line = part,
            Some(line) => *line += &format!(" {part}"),
            None => lines.push(part),
        }
    }
    lines.join(" \\\n      ")
}

/// The command with its examples.
pub(super) fn with_examples(command: Command) -> Command {
    EXAMPLES.iter().fold(command, |command, (verb, examples)| {
        let lines = examples.iter().map(|(what, call)| format!("  # {what}\n  {}", in_lines(call)));
        let text = format!("Examples:\n{}", lines.collect::<Vec<_>>().join("\n"));
        command.mut_subcommand(verb, |command| match *verb {
            "report" => command.after_help(format!("{text}\n\n{}", log_columns())),
            "predict" => command.after_long_help(format!("{text}\n\n{}", flags())).after_help(text),
            _ => command.after_help(text),
        })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    /// The words of a call, without what a shell would do with its result.
    fn words(call: &str) -> Vec<&str> {
        let call = call.split(" > ").next().unwrap_or_default().split("  #").next().unwrap_or_default();
        call.split_whitespace().map(|word| word.trim_matches(['\'', '"'])).collect()
    }

    #[test]
    fn calls_in_the_readme_are_valid() {
        let text = include_str!("../../README.md").replace("\\\n", " ");
        let calls: Vec<&str> = text.lines().filter(|line| line.starts_with("papilla ")).collect();
        assert!(calls.len() > 15, "{calls:?}");
        let command = crate::cli::command();
        for call in calls {
            if let Err(error) = command.clone().try_get_matches_from(words(call)) {
                panic!("`{call}` is refused: {error}");
            }
        }
    }

    #[test]
    fn examples_are_one_command_however_narrow_the_terminal_is() {
        for (_, call) in EXAMPLES.iter().flat_map(|(_, list)| list.iter()) {
            let shown = in_lines(call);
            assert_eq!(shown.replace(" \\\n     ", ""), *call);
            let longest = shown.lines().map(str::len).max().unwrap_or_default();
            assert!(longest <= 80, "{longest}: {shown}");
        }
        assert!(in_lines(typical("prepare").expect("a verb")).lines().count() == 1);
    }

    #[test]
    fn the_help_of_report_explains_the_logs() {
        let mut command = with_examples(Cli::command());
        let help = command.find_subcommand_mut("report").expect("a verb").render_long_help().to_string();
        assert!(help.contains("align_weighted") && help.contains("before its weight"), "{help}");
    }

    #[test]
    fn every_verb_has_two_examples_and_they_are_valid() {
        let examples: BTreeMap<_, _> = EXAMPLES.into_iter().collect();
        let command = Cli::command();
        for verb in command.get_subcommands().map(Command::get_name) {
            let given = examples.get(verb).unwrap_or_else(|| panic!("`{verb}` has no examples"));
            assert!(given.len() >= 2, "{verb}");
        }
        for (verb, call) in EXAMPLES.iter().flat_map(|(verb, list)| list.iter().map(move |(_, call)| (verb, call))) {
            let words = words(call);
            assert_eq!(words[1], *verb);
            if let Err(error) = command.clone().try_get_matches_from(&words) {
                panic!("`{call}` is refused: {error}");
            }
        }
    }
}
