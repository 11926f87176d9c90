//! What the hub tells a connection, on its way there: bounded, and kept for those who come back.
//!
//! An [`Outbox`] belongs to the hub's task and outlives the sockets of its connection; a [`Line`]
//! and its [`Inbox`] are the two ends of what goes to one socket.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use signaller_core::{CloseReason, Description, Notice, Payload, Refusal, Text};
use tokio::sync::{Notify, oneshot};

/// Letters that wait for one socket…
const LINE_LETTERS: usize = 1024;
/// …and the bytes that they may have together, about.
const LINE_BYTES: usize = 1024 * 1024;
/// Letters that are kept until the peer says that it has them…
const BACKLOG_LETTERS: usize = 256;
/// …and the bytes that they may have together, about.
const BACKLOG_BYTES: usize = 256 * 1024;

/// What an empty queue keeps room for; what a burst took beyond that is given back.
const IDLE_LETTERS: usize = 32;

/// Something for a socket.
#[derive(Clone, Debug)]
pub(crate) enum Letter {
    /// A message to be printed, and the tag of the request that it answers.
    Notice(Arc<Notice>, Option<Text>),
    /// A question whether anybody is there.
    Probe,
}

/// The hub's end of one socket.
#[derive(Debug)]
pub(crate) struct Line {
    queue: Arc<Queue>,
    close: oneshot::Sender<CloseReason>,
}

/// The socket's end.
#[derive(Debug)]
pub(crate) struct Inbox(Arc<Queue>);

/// What is between them. Not a channel of tokio's, which costs each idle connection a kilobyte.
#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    more: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    letters: VecDeque<Letter>,
    bytes: usize,
    /// Nothing more will come.
    is_last: bool,
}

/// All that a connection is told, whether it has a socket or not.
#[derive(Debug)]
pub(crate) struct Outbox {
    line: Option<Line>,
    backlog: Option<Backlog>,
}

/// Why a letter did not get into an outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// The peer does not read.
    Overflowed,
    /// The socket's task has ended.
    Gone,
}

/// Both ends for a new socket, and what tells it to close.
pub(crate) fn line() -> (Line, Inbox, oneshot::Receiver<CloseReason>) {
    let (close, closed) = oneshot::channel();
    let queue = Arc::new(Queue::default());
    (Line { queue: Arc::clone(&queue), close }, Inbox(queue), closed)
}

impl Outbox {
    /// For a connection that ends with its socket.
    pub(crate) fn new(line: Line) -> Self {
        Self { line: Some(line), backlog: None }
    }

    /// For one that may come back.
    pub(crate) fn resumable(line: Line) -> Self {
        Self { line: Some(line), backlog: Some(Backlog::default()) }
    }

    /// For one that may come back, of which nothing is known but that.
    pub(crate) fn forgetful() -> Self {
        let backlog = Backlog { is_whole: false, ..Backlog::default() };
        Self { line: None, backlog: Some(backlog) }
    }

    /// What was sent before is not to count any more.
    pub(crate) fn forget(&mut self) {
        if let Some(backlog) = &mut self.backlog {
            backlog.is_whole = false;
        }
    }

    /// Whether nothing is known of what was sent before.
    pub(crate) fn is_forgetful(&self) -> bool {
        self.backlog.as_ref().is_some_and(|backlog| !backlog.is_whole)
    }

    pub(crate) fn put(&mut self, notice: Arc<Notice>, tag: Option<Text>) -> Result<(), Full> {
        let letter = Letter::Notice(notice, tag);
        if let Some(backlog) = &mut self.backlog {
            backlog.keep(&letter);
        }
        self.line.as_ref().map_or(Ok(()), |line| line.put(letter))
    }

    /// Asks whether anybody is there.
    pub(crate) fn probe(&self) {
        if let Some(line) = &self.line {
            let _ = line.put(Letter::Probe); // silence is an answer, too
        }
    }

    /// The peer has received so many letters in all.
    pub(crate) fn acknowledge(&mut self, received: u64) {
        if let Some(backlog) = &mut self.backlog {
            backlog.acknowledge(received);
        }
    }

    /// Its socket broke.
    pub(crate) fn unplug(&mut self) {
        self.line = None;
    }

    /// It has a new socket; the old one, if it has not noticed yet, is closed. What the peer has
    /// not received follows. Returns whether something was lost: then both ends count anew.
    pub(crate) fn plug(&mut self, line: Line, received: u64) -> bool {
        if let Some(old) = self.line.take() {
            old.close(CloseReason::Replaced);
        }
        let backlog = self.backlog.get_or_insert_default();
        let unread = backlog.unread(received);
        let is_lost = unread.is_none();
        for letter in unread.unwrap_or_else(|| backlog.begin_anew()) {
            let _ = line.put(letter); // fewer than a line takes
        }
        self.line = Some(line);
        is_lost
    }

    /// Tells the socket to close.
    pub(crate) fn close(self, reason: CloseReason) {
        if let Some(line) = self.line {
            line.close(reason);
        }
    }
}

impl Line {
    fn put(&self, letter: Letter) -> Result<(), Full> {
        if Arc::strong_count(&self.queue) == 1 {
            return Err(Full::Gone);
        }
        let weight = letter.weight();
        let mut waiting = self.queue.waiting();
        let is_heavy = waiting.bytes + weight > LINE_BYTES;
        // One letter alone may be as long as it needs to be: a list of very many peers.
        if waiting.letters.len() >= LINE_LETTERS || is_heavy && !waiting.letters.is_empty() {
            return Err(Full::Overflowed);
        }
        waiting.bytes += weight;
        waiting.letters.push_back(letter);
        drop(waiting);
        self.queue.more.notify_one();
        Ok(())
    }

    /// Tells the socket to close.
    pub(crate) fn close(self, reason: CloseReason) {
        let _ = self.close.send(reason); // it may be closing by itself
    }
}

impl Inbox {
    /// The next letter, when there is one; `None` after [`finish`](Self::finish) if there is none.
    /// What tells the socket to close is not waited for here.
    pub(crate) async fn next(&self) -> Option<Letter> {
        loop {
            if let Some(letter) = self.try_next() {
                return Some(letter);
            }
            if self.0.waiting().is_last {
                return None;
            }
            self.0.more.notified().await;
        }
    }

    /// The hub has closed the other end: what waits is all there is.
    pub(crate) fn finish(&self) {
        self.0.waiting().is_last = true;
        self.0.more.notify_one();
    }

    /// The next letter if there is one already.
    pub(crate) fn try_next(&self) -> Option<Letter> {
        let mut waiting = self.0.waiting();
        let letter = waiting.letters.pop_front()?;
        waiting.bytes -= letter.weight();
        give_back(&mut waiting.letters);
        Some(letter)
    }
}

impl Queue {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last letters, as far as the peer has not said that it has them.
#[derive(Debug)]
struct Backlog {
    letters: VecDeque<Letter>,
    bytes: usize,
    /// How many letters came before the first that is kept.
    before: u64,
    /// Whether it knows what was sent before.
    is_whole: bool,
}

impl Default for Backlog {
    fn default() -> Self {
        Self { letters: VecDeque::new(), bytes: 0, before: 0, is_whole: true }
    }
}

impl Backlog {
    fn keep(&mut self, letter: &Letter) {
        if let Letter::Notice(notice, _) = letter
            && matches!(**notice, Notice::Welcome { .. })
        {
            return; // the peers count from there
        }
        self.bytes += letter.weight();
        self.letters.push_back(letter.clone());
        while self.letters.len() > BACKLOG_LETTERS || self.bytes > BACKLOG_BYTES {
            self.drop_first();
        }
    }

    fn acknowledge(&mut self, received: u64) {
        while self.before < received && self.drop_first() {}
    }

    /// What comes after the first `received`; `None` if some of that is no longer kept, or was
    /// never sent.
    fn unread(&mut self, received: u64) -> Option<Vec<Letter>> {
        let kept = self.before..=self.before + self.letters.len() as u64;
        (self.is_whole && kept.contains(&received)).then(|| {
            self.acknowledge(received);
            self.letters.iter().cloned().collect()
        })
    }

    /// Counts from now on. What was put since it forgot follows, for the reasons that are in it; a
    /// peer that lost something out of the middle needs no end of it.
    fn begin_anew(&mut self) -> Vec<Letter> {
        if self.is_whole || self.before > 0 {
            *self = Self::default();
        }
        self.is_whole = true;
        self.letters.iter().cloned().collect()
    }

    fn drop_first(&mut self) -> bool {
        let Some(letter) = self.letters.pop_front() else { return false };
        self.bytes -= letter.weight();
        self.before += 1;
        give_back(&mut self.letters);
        true
    }
}

/// An idle connection costs no more after a burst than before it.
fn give_back(letters: &mut VecDeque<Letter>) {
    if letters.is_empty() && letters.capacity() > IDLE_LETTERS {
        *letters = VecDeque::new();
    }
}

impl Letter {
    /// About how many bytes it keeps in memory.
    fn weight(&self) -> usize {
        match self {
            Self::Notice(notice, _) => 128 + text_len(notice),
            Self::Probe => 0,
        }
    }
}

fn text_len(notice: &Notice) -> usize {
    match notice {
        Notice::Relayed {
            payload: Payload::Offer(text) | Payload::Answer(text) | Payload::Candidate(text),
            ..
        } => text.len(),
        Notice::SessionRequested { offer, .. } => offer.as_ref().map_or(0, |offer| offer.len()),
        Notice::SessionEnded { error, .. } => error.as_ref().map_or(0, |error| error.len()),
        Notice::StatusChanged { status, .. } => status.meta.as_ref().map_or(0, |meta| meta.len()),
        Notice::Producers(peers) | Notice::Consumers(peers) => {
            let metas = peers.iter().filter_map(|listed| listed.status.meta.as_ref());
            metas.map(|meta| meta.len()).sum::<usize>() + 64 * peers.len()
        }
        Notice::IncomingCall { offer: description, .. }
        | Notice::CallAccepted { answer: description, .. } => {
            description.as_deref().map_or(0, described_len)
        }
        Notice::CallCandidate { candidate, .. } => candidate.len(),
        Notice::Refused(Refusal::Unreadable(fault)) => fault.len(),
        Notice::Refused(
            Refusal::NoSuchPeer(peer) | Refusal::NotYourProducer(peer) | Refusal::NotInRoom(peer),
        ) => peer.as_str().len(),
        Notice::Said { text } | Notice::RoomMessage { text, .. } => text.len(),
        Notice::Named { peers, .. }
        | Notice::RoomJoined { peers, .. }
        | Notice::RoomPeers { peers, .. } => 64 * peers.len(),
        Notice::Accounts(accounts) => 128 * accounts.len(),
        Notice::Snapshot(snapshot) => 128 * snapshot.accounts.len() + 16 * snapshot.sessions.len(),
        _ => 0,
    }
}

fn described_len(Description { sdp, key }: &Description) -> usize {
    sdp.len() + key.as_ref().map_or(0, |key| key.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn letter(number: usize) -> Arc<Notice> {
        Arc::new(Notice::Refused(Refusal::Unreadable(number.to_string())))
    }

    fn numbers(inbox: &Inbox) -> Vec<String> {
        let mut numbers = Vec::new();
        while let Some(Letter::Notice(notice, _)) = inbox.try_next() {
            let Notice::Refused(Refusal::Unreadable(number)) = &*notice else { panic!() };
            numbers.push(number.clone());
        }
        numbers
    }

    fn sent(count: usize) -> Outbox {
        let mut outbox = Outbox::resumable(line().0);
        outbox.unplug();
        for number in 0..count {
            outbox.put(letter(number), None).unwrap();
        }
        outbox
    }

    #[test]
    fn what_was_not_received_follows() {
        let mut outbox = sent(5);
        outbox.acknowledge(2);
        let (line, inbox, _) = line();
        assert!(!outbox.plug(line, 3));
        assert_eq!(numbers(&inbox), ["3", "4"]);
        outbox.put(letter(5), None).unwrap();
        assert_eq!(numbers(&inbox), ["5"]);
    }

    #[test]
    fn too_much_is_lost_and_so_are_impossible_counts() {
        for (count, received, is_lost) in
            [(300, 0, true), (300, 43, true), (300, 44, false), (300, 300, false), (3, 4, true)]
        {
            let mut outbox = sent(count);
            let (line, inbox, _) = line();
            assert_eq!(outbox.plug(line, received), is_lost, "{count} {received}");
            let expected = if is_lost { 0 } else { count - received as usize };
            assert_eq!(numbers(&inbox).len(), expected);
        }
    }

    #[test]
    fn both_ends_count_anew_after_a_loss() {
        let mut outbox = sent(300);
        let (first, _inbox, _) = line();
        outbox.plug(first, 0);
        outbox.put(letter(7), None).unwrap();
        let (line, inbox, _) = line();
        assert!(!outbox.plug(line, 0));
        assert_eq!(numbers(&inbox), ["7"]);
    }

    #[test]
    fn what_was_put_since_the_start_is_not_lost() {
        for (count, follows) in [(0, 0), (5, 5), (300, 0)] {
            let mut outbox = Outbox::forgetful();
            for number in 0..count {
                outbox.put(letter(number), None).unwrap();
            }
            let (first, inbox, _) = line();
            assert!(outbox.plug(first, 17));
            assert_eq!(numbers(&inbox).len(), follows, "{count}");
            let (second, inbox, _) = line();
            assert!(!outbox.plug(second, follows as u64));
            assert!(numbers(&inbox).is_empty());
        }
    }

    #[test]
    fn a_new_socket_closes_the_old_one() {
        let mut outbox = sent(0);
        let (first, _inbox, mut closed) = line();
        outbox.plug(first, 0);
        outbox.plug(line().0, 0);
        assert_eq!(closed.try_recv(), Ok(CloseReason::Replaced));
    }

    #[test]
    fn a_refusal_weighs_what_it_quotes() {
        let long = "x".repeat(60 * 1024);
        for refusal in [
            Refusal::Unreadable(long.clone()),
            Refusal::NoSuchPeer(long.as_str().into()),
            Refusal::NotYourProducer(long.as_str().into()),
        ] {
            let (line, _inbox, _closed) = line();
            let (mut outbox, notice) = (Outbox::new(line), Arc::new(Notice::Refused(refusal)));
            let mut put = (0..32).map(|_| outbox.put(Arc::clone(&notice), None));
            assert!(put.any(|put| put == Err(Full::Overflowed)));
        }
    }

    #[test]
    fn a_burst_costs_nothing_once_it_is_over() {
        let (line, inbox, _closed) = line();
        let mut outbox = Outbox::resumable(line);
        for number in 0..200 {
            outbox.put(letter(number), None).unwrap();
        }
        let room = |outbox: &Outbox| {
            let kept = outbox.backlog.as_ref().unwrap().letters.capacity();
            (inbox.0.waiting().letters.capacity(), kept)
        };
        assert!(room(&outbox).0 >= 200 && room(&outbox).1 >= 200);
        assert_eq!(numbers(&inbox).len(), 200);
        outbox.acknowledge(200);
        let (waiting, kept) = room(&outbox);
        assert!(waiting <= IDLE_LETTERS && kept <= IDLE_LETTERS, "{waiting} {kept}");
    }

    #[test]
    fn who_does_not_read_overflows() {
        let (line, _inbox, _closed) = line();
        let mut outbox = Outbox::new(line);
        let put = (0..2 * LINE_LETTERS).map(|number| outbox.put(letter(number), None));
        assert_eq!(put.last(), Some(Err(Full::Overflowed)));
    }
}
