//! Populations: how many processes there are to scan, and what each has.

use crate::number::thousands;

#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Population {
    /// Number of sleeping processes.
    pub processes: usize,
    /// Number of these processes that are alone in a user namespace of their own.
    pub namespaces: usize,
    /// Threads per process.
    pub threads: usize,
    /// Open descriptors per process.
    pub descriptors: usize,
    /// Number of user namespaces without processes, each kept alive by one descriptor.
    pub held: usize,
}

/// All populations, each with its name on the command line.
pub fn all() -> Vec<(String, Population)> {
    let sizes = [100, 200, 1_000, 10_000, 30_000, 100_000].map(|size| (size.to_string(), Population::plain(size)));
    let special = [("threads", Population::threads()), ("descriptors", Population::descriptors())];
    let special = special.map(|(name, population)| (name.to_string(), population));
    sizes.into_iter().chain(special).collect()
}

impl Population {
    /// Processes with one thread and few descriptors each; one in ten has a user namespace of its own.
    pub fn plain(processes: usize) -> Population {
        Population { processes, namespaces: processes / 10, threads: 1, descriptors: 3, held: 0 }
    }

    /// Processes with many threads each.
    pub fn threads() -> Population {
        Population { threads: 50, ..Population::plain(1_000) }
    }

    /// Processes with many descriptors each, some of which keep a namespace.
    pub fn descriptors() -> Population {
        Population { descriptors: 100, held: 100, ..Population::plain(1_000) }
    }

    pub fn is_plain(&self) -> bool {
        self.threads == 1 && self.held == 0
    }

    /// For a heading.
    pub fn title(&self) -> String {
        let processes = format!("{} processes", thousands(self.processes));
        self.extra().map_or(processes.clone(), |extra| format!("{processes} with {extra} each"))
    }

    /// For a cell of a table.
    pub fn short_title(&self) -> String {
        let processes = thousands(self.processes);
        self.extra().map_or(processes.clone(), |extra| format!("{processes} × {extra}"))
    }

    fn extra(&self) -> Option<String> {
        match self {
            population if population.is_plain() => None,
            Population { threads: 1, descriptors, .. } => Some(format!("{descriptors} descriptors")),
            Population { threads, .. } => Some(format!("{threads} threads")),
        }
    }
}
