//! The figures of a report as JSON.

use serde_json::{Value, json};

use super::comparison::{Difference, Measure, not_in_both};
use super::{Evaluation, Report, Run, Section};

impl Report {
    /// Every figure that the HTML shows, with the names that logs and `evaluate` use.
    pub fn document(&self) -> Value {
        let sections = self.sections();
        json!({
            "runs": self.runs.iter().map(run).collect::<Vec<_>>(),
            "evaluations": sections.iter().flat_map(|section| self.evaluations(section)).collect::<Vec<_>>(),
            "comparisons": sections.iter().flat_map(|section| self.comparisons(section)).collect::<Vec<_>>(),
            "cases": self.cases.iter().map(|c| json!({ "name": c.name, "kind": c.kind.name() })).collect::<Vec<_>>(),
            "notes": self.notes,
        })
    }

    fn evaluations(&self, section: &Section) -> Vec<Value> {
        let one = |(run, evaluation): &(usize, &Evaluation)| {
            let agreement = evaluation.agreement().map(|agreement| {
                json!({
                    "images": agreement.points.len(),
                    "bias": agreement.bias,
                    "sd": agreement.sd,
                    "limits": agreement.limits(),
                })
            });
            json!({
                "run": self.runs[*run].name,
                "data": evaluation.data.display().to_string(),
                "checkpoint": evaluation.checkpoint.display().to_string(),
                "steps": evaluation.steps,
                "steps_of_run": self.runs[*run].log.steps,
                "images": evaluation.images.len(),
                "masks": evaluation.masking.to_string(),
                "raw": evaluation.totals["raw"],
                "postprocessed": evaluation.totals["postprocessed"],
                "vcdr_agreement": agreement,
                "shown": section.chosen.iter().any(|(_, chosen)| std::ptr::eq(*chosen, *evaluation)),
            })
        };
        section.all.iter().map(one).collect()
    }

    fn comparisons(&self, section: &Section) -> Vec<Value> {
        let one = |comparison: super::Comparison| {
            let checkpoint = |run: usize| {
                let evaluation = section.chosen.iter().find(|(index, _)| *index == run);
                evaluation.map(|(_, evaluation)| evaluation.checkpoint_told(self.runs[run].log.steps))
            };
            let mut found = json!({
                "baseline_checkpoint": checkpoint(comparison.baseline),
                "baseline_unfinished": self.runs[comparison.baseline].unfinished(),
                "run_checkpoint": checkpoint(comparison.other),
                "run_unfinished": self.runs[comparison.other].unfinished(),
                "data": section.chosen[0].1.data.display().to_string(),
                "baseline": self.runs[comparison.baseline].name,
                "run": self.runs[comparison.other].name,
                "masks": section.masks(),
                "paired": "over those images that have the figure in both",
            });
            match comparison.differences {
                Ok(differences) => {
                    for difference in &differences {
                        found[difference.measure.name()] = paired(difference);
                    }
                    if let Some(missing) = not_in_both(&differences) {
                        found["missing"] = json!(missing);
                    }
                }
                Err(reason) => found["not_paired"] = json!(reason),
            }
            found
        };
        section.comparisons().into_iter().map(one).collect()
    }
}

fn paired(difference: &Difference) -> Value {
    let interval = difference.interval;
    json!({
        "difference": interval.mean,
        "difference_ci95": interval.ci95,
        "images": difference.images,
        "of": difference.of,
        "worst_case_difference": difference.worst_case.map(|interval| interval.mean),
        "worst_case_difference_ci95": difference.worst_case.and_then(|interval| interval.ci95),
        "more_is_better": Measure::more_is_better(difference.measure),
    })
}

fn run(run: &Run) -> Value {
    let last = |series: &super::Series| (series.name.clone(), json!(series.points.last().map(|point| point.1)));
    let validation = run.log.validations.last();
    json!({
        "name": run.name,
        "folder": run.folder.display().to_string(),
        "method": run.config.method.name(),
        "finished": run.is_finished(),
        "marks": run.marks(),
        "category_losses_from_epoch": run.log.category_losses.map(|[epoch, _]| epoch),
        "select": run.config.select.name(),
        "seed": run.config.seed,
        "steps": run.log.steps,
        "seconds_per_step": run.log.median_seconds(),
        "environment": run.environment,
        "last_losses": run.log.losses.iter().map(last).collect::<serde_json::Map<_, _>>(),
        "last_prototype_distance": run.log.prototypes.iter().map(last).collect::<serde_json::Map<_, _>>(),
        "last_validation": validation.map(|v| json!({ "epochs": v.epochs, "regions": v.regions, "values": v.values })),
        "best_mean_dice": run.log.best().map(|best| best.1),
        "best_after_epochs": run.log.best().map(|best| best.0),
        "notes": run.notes,
    })
}
