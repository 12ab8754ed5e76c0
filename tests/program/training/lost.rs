//! A device that is lost while a run trains.

use std::fs;
use std::path::PathBuf;

use papilla::device::Device;
use papilla::gpu::GpuOptions;
use papilla::train::{Config, Event, Observer, Outcome, Resume, Session, TrainError};

use super::resume::{assert_resumes_to, assert_same};
use crate::jobs::{Job, logged};

/// Loses the device after each of some steps, as often as they are listed.
struct Loser {
    device: Device,
    after: Vec<u64>,
    /// steps to which the run went back
    back_to: Vec<u64>,
}

impl Observer for Loser {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Step(record) if self.after.first() == Some(&record.step) => {
                self.after.remove(0);
                self.device.lose();
            }
            Event::Reopened { device, reason, step } => {
                assert!(reason.to_string().contains("was lost"), "{reason}");
                self.device = device.clone();
                self.back_to.push(step);
            }
            _ => {}
        }
    }
}

/// Trains as the undisturbed run was, and loses the device; how that ended and where the run went back to.
fn disturbed(job: &Job, name: &str, after: &[u64]) -> (PathBuf, Result<Outcome, TrainError>, Vec<u64>) {
    let settings = job.undisturbed().join("config.toml");
    let config = fs::read_to_string(&settings).expect("the run has its settings");
    let config = Config::from_toml(&config, &settings).expect("the settings are valid");
    let run = job.place(name);
    let device = Device::open(None, GpuOptions { tune: true, ..GpuOptions::default() }).expect("there is an adapter");
    let mut loser = Loser { device: device.clone(), after: after.to_vec(), back_to: Vec::new() };
    let mut session = Session::begin(&device, config, &run, &mut loser).expect("the run begins");
    let outcome = session.train(&mut loser);
    (run, outcome, loser.back_to)
}

#[test]
fn a_lost_device_is_opened_again_and_the_run_ends_like_an_undisturbed_one() {
    let job = Job::plain();
    let undisturbed = job.undisturbed();
    // Each step saves, except those that lose the device: nothing can be read from it any more.
    let (run, outcome, back_to) = disturbed(&job, "lost four times", &[0, 2, 2, 5]);
    assert!(outcome.expect("the run goes on").complete);
    assert_eq!(back_to, [0, 2, 2, 5]);
    assert_same(undisturbed, &run);
}

#[test]
fn a_device_lost_three_times_in_a_row_ends_a_run_that_can_be_continued() {
    let job = Job::plain();
    let undisturbed = job.undisturbed();
    let (run, outcome, back_to) = disturbed(&job, "lost", &[1, 1, 1]);
    match outcome.expect_err("the third loss is the last") {
        TrainError::Stopped { saved: 1, error, .. } => assert!(error.to_string().contains("was lost"), "{error}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(back_to, [1, 1]);
    assert_eq!(logged(&run), 2);
    assert_resumes_to(undisturbed, &run);

    // Complete runs are opened and left as they are.
    let mut loser = Loser { device: Device::Cpu, after: Vec::new(), back_to: Vec::new() };
    let device = Device::open(None, GpuOptions::default()).expect("there is an adapter");
    let session = Session::resume(&device, &run, Resume::default(), &mut loser);
    assert!(session.expect("the run is whole").train(&mut loser).expect("nothing is left to do").complete);
    assert_same(undisturbed, &run);
}
