//! The promises of the library, one file each. One program holds all of them: building it takes longer than running it.

mod checks;
mod correlation;
mod cryosparc;
mod cryosparc_common;
mod cryosparc_job;
mod cryosparc_job_types;
mod ctf_of_simulated_images;
mod defocus_angle_axis;
mod downsample;
mod downsample_conversion;
mod examples;
mod export;
mod export_poses;
mod export_round_trip;
mod faults;
mod forged_descriptor;
mod inspect;
mod peers;
mod plots;
mod report;
mod restacking;
mod shared;
mod simulate_layouts;
mod stacks;
mod words;
