//! The command as a user meets it: exit codes, messages, and what is on disk afterwards.

mod bad_input;
mod check;
mod conversion;
mod cryosparc;
mod data_set;
mod descriptor;
mod disk_faults;
mod export;
mod files_of_others;
mod guides;
mod help;
mod inspect;
mod interrupted;
mod mutated_input;
mod no_files;
mod partial_alignments;
mod pixel_sizes;
mod resume;
mod shards;
mod shared_data;
mod simulate;
mod skip_unreadable;
mod small_disk;
mod status;
mod verify;
