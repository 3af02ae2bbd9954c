use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Error, FileProblem};

/// The CPU time of a process on this machine, as Linux counts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerCpu {
    file: PathBuf,
}

impl ServerCpu {
    pub(crate) fn of(pid: u32) -> Self {
        Self { file: format!("/proc/{pid}/stat").into() }
    }

    /// What all of its threads took so far, in user mode and in the kernel.
    ///
    /// # Errors
    /// There is no such process, or this is no Linux.
    pub(crate) fn taken(&self) -> Result<Duration, Error> {
        let failed =
            |kind| Error::File { path: self.file.clone(), problem: FileProblem::Read(kind) };
        let text = fs::read_to_string(&self.file).map_err(|error| failed(error.kind()))?;
        let ticks = ticks(&text).ok_or_else(|| failed(ErrorKind::InvalidData))?;
        let unit = rustix::param::clock_ticks_per_second().max(1);
        Ok(Duration::from_secs_f64(ticks as f64 / unit as f64))
    }
}

/// The fields utime and stime of proc_pid_stat(5). They come after the name in parentheses, which may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    next()?.checked_add(next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_are_found_whatever_the_program_is_called() {
        let stat = "4711 (a) (b 1 2) S 1 2 3 4 5 6 7 8 9 10 1200 34 0 0 20 0 3 0 99";
        assert_eq!(ticks(stat), Some(1_234));
        assert_eq!(ticks("4711 (a) S 1"), None);
        assert_eq!(ticks(""), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn work_takes_cpu_time() {
        let cpu = ServerCpu::of(std::process::id());
        let before = cpu.taken().unwrap();
        let mut spent = before;
        while spent <= before {
            spent = cpu.taken().unwrap(); // reading it is work enough
        }
    }
}
