//! Seats for clients. How many there are can change while they are taken.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A seat; free again when dropped.
pub(crate) type Seat = OwnedSemaphorePermit;

/// All the seats. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    free: Arc<Semaphore>,
    size: Arc<Mutex<u32>>,
}

impl Room {
    pub(crate) fn new(size: u32) -> Self {
        Self { free: Arc::new(Semaphore::new(size as usize)), size: Arc::new(Mutex::new(size)) }
    }

    /// A seat, if there is one.
    pub(crate) fn seat(&self) -> Option<Seat> {
        Arc::clone(&self.free).try_acquire_owned().ok()
    }

    /// Has so many seats from here on. Nobody has to leave: seats that are too many go when they
    /// become free. Needs a tokio runtime.
    pub(crate) fn resize(&self, size: u32) {
        let mut now = self.size.lock().unwrap_or_else(PoisonError::into_inner);
        self.free.add_permits(size.saturating_sub(*now) as usize);
        let surplus = now.saturating_sub(size) as usize;
        let taken = surplus - self.free.forget_permits(surplus);
        *now = size;
        drop(now);
        if let Ok(surplus @ 1..) = u32::try_from(taken) {
            let free = Arc::clone(&self.free);
            tokio::spawn(async move {
                if let Ok(seats) = free.acquire_many_owned(surplus).await {
                    seats.forget();
                }
            });
        }
    }

    /// Returns when every seat is free.
    pub(crate) async fn empty(&self) {
        let size = *self.size.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = self.free.acquire_many(size).await; // never closed
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn seats_come_at_once_and_go_when_they_are_free() {
        let room = Room::new(1);
        let first = room.seat().unwrap();
        assert!(room.seat().is_none());
        room.resize(3);
        let (second, third) = (room.seat().unwrap(), room.seat().unwrap());
        room.resize(1);
        tokio::task::yield_now().await;
        drop((first, second));
        tokio::task::yield_now().await;
        assert!(room.seat().is_none());
        drop(third);
        room.empty().await;
        assert!(room.seat().is_some());
    }
}
