//! Doing something inside another network namespace.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::panic::resume_unwind;
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::{Door, Namespaces, is_gone};

/// Why a namespace cannot be entered.
#[derive(Debug, thiserror::Error)]
pub enum VisitError {
    /// Nobody is in it any more, and it has no name.
    #[error("failed to find network namespace {0}: it is gone, or only syndrop cannot see it")]
    Gone(u32),
    /// It is there, and not for us.
    #[error("failed to enter network namespace {netns}: this needs CAP_SYS_ADMIN, try as root")]
    Enter {
        /// The namespace.
        netns: u32,
        /// What happened.
        source: io::Error,
    },
}

impl Namespaces {
    /// Does something inside a namespace, where sockets, settings and iterators are that one's.
    /// Entering it changes a thread for good, so a thread of its own enters.
    ///
    /// # Errors
    /// If no way into it is left, or none that is allowed.
    pub fn visit<T: Send>(
        &self,
        netns: u32,
        visit: impl FnOnce() -> T + Send,
    ) -> Result<T, VisitError> {
        if self.own() == Some(netns) {
            return Ok(visit());
        }
        let file = self.way_into(netns)?;
        let visitor = || {
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                .map_err(|errno| VisitError::Enter { netns, source: errno.into() })?;
            Ok(visit())
        };
        thread::scope(|scope| scope.spawn(visitor).join())
            .unwrap_or_else(|panic| resume_unwind(panic))
    }

    fn way_into(&self, netns: u32) -> Result<File, VisitError> {
        let mut failed = VisitError::Gone(netns);
        for door in self.doors.get(&netns).into_iter().flatten() {
            match door.open() {
                // A process may enter another namespace, and another process take its number.
                Ok((inode, file)) if inode == u64::from(netns) => return Ok(file),
                Ok(_) => {}
                Err(error) if is_gone(&error) => {}
                Err(source) => failed = VisitError::Enter { netns, source },
            }
        }
        Err(failed)
    }
}

impl Door {
    fn open(&self) -> io::Result<(u64, File)> {
        let file = match self {
            Self::Process(path) => File::open(path.join("ns/net"))?,
            Self::Named(path) => File::open(path)?,
        };
        Ok((file.metadata()?.ino(), file))
    }
}

#[cfg(test)]
mod tests {
    use super::{Namespaces, VisitError};

    #[test]
    fn one_is_at_home_in_its_own() {
        let namespaces = Namespaces::enumerate();
        let own = namespaces.own().unwrap();
        assert_eq!(namespaces.visit(own, || 7).unwrap(), 7);
    }

    #[test]
    fn what_is_nowhere_is_gone() {
        let nowhere = Namespaces::enumerate().visit(1, || ());
        assert!(matches!(nowhere, Err(VisitError::Gone(1))));
    }
}
