//! The mode `intune`: the program itself, the simulator in Microsoft's place, and devices of three families.

mod config;
mod doctor;
mod enrolment;
mod failure;
mod kill;
mod reload;
mod stage;
