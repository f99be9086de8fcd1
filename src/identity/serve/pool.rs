//! The threads: for each listener one that waits for questions, and helpers where more is asked than one can answer, or
//! where one is held up (a file system that does not answer).
//!
//! Each question wakes all threads that wait in the kernel for a listener, so there are not more than are useful: one comes
//! where questions are seen waiting most of the time, and goes where none were for a while and another waits. Whether two do
//! more than one is a matter of what it costs to wake another CPU, so it is tried out (`trial.rs`).
//!
//! A question and its answer each wake the other side on their own CPU, which is what makes them cheap, and what gathers
//! all who ask and all who answer on one CPU. So where there are several threads each has a CPU of its own, and draws those
//! whom it answers there.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{
    AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst,
};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use super::trial::{Advice, Trial};
use super::worker::Worker;
use super::{Shared, Start};
use crate::identity::credentials::Credentials;
use crate::sys::notify::Listener;
use crate::sys::socket::Message;
use crate::sys::{self, SysError};

/// Threads in all; a container that holds up as many only harms itself.
const MOST_THREADS: usize = 16;

/// Each how many questions one looks whether more wait than are answered: the look is a call of its own.
const OFTEN: u64 = 16;

/// A thread's place at a listener. What is written at each question is written by one thread, and no two places share a line
/// of the CPUs' caches.
#[derive(Default)]
#[repr(align(128))]
struct Seat {
    /// Its thread waits for a question.
    is_waiting: AtomicBool,
    /// Questions answered here.
    answered: AtomicU64,
}

/// A listener and who serves it.
pub(super) struct Lead {
    pub(super) listener: Listener,
    /// Who a process is that has no tag yet.
    pub(super) initial: Credentials,
    seats: [Seat; MOST_THREADS],
    /// Threads at work, and those that are called for.
    active: AtomicUsize,
    /// Looks of its threads that found another question waiting already.
    crowded: AtomicU64,
    /// One thread is to go: more of them do no more.
    is_spare: AtomicBool,
    trial: Mutex<Trial>,
    /// A bit for each seat that is taken.
    taken: AtomicU32,
    over: AtomicBool,
}

impl Lead {
    pub(super) fn new(listener: Listener, initial: Credentials) -> Lead {
        Lead {
            listener,
            initial,
            seats: Default::default(),
            active: AtomicUsize::new(0),
            crowded: AtomicU64::new(0),
            is_spare: AtomicBool::new(false),
            trial: Mutex::default(),
            taken: AtomicU32::new(0),
            over: AtomicBool::new(false),
        }
    }

    /// From a monitor's message.
    pub(super) fn of(message: Message) -> Option<Lead> {
        let start: Start = serde_json::from_slice(&message.bytes).ok()?;
        let listener = message.fds.into_iter().next()?;
        Some(Lead::new(Listener::new(listener), start.credentials()))
    }

    /// Takes the first free place.
    fn sit(&self) -> u32 {
        let mut taken = self.taken.load(Relaxed);
        loop {
            let seat = taken.trailing_ones();
            let with = taken | 1 << seat;
            match (self.taken).compare_exchange_weak(taken, with, Relaxed, Relaxed) {
                Ok(_) => return seat,
                Err(now) => taken = now,
            }
        }
    }

    fn rise(&self, seat: u32) {
        self.taken.fetch_and(!(1 << seat), Relaxed);
    }

    /// As many threads as there are at most have a seat each.
    fn seat(&self, seat: u32) -> &Seat {
        &self.seats[seat as usize % MOST_THREADS]
    }

    fn answered(&self) -> u64 {
        self.seats.iter().map(|s| s.answered.load(Relaxed)).sum()
    }

    /// Whether a thread waits for a question.
    fn has_waiting(&self) -> bool {
        self.seats.iter().any(|s| s.is_waiting.load(Relaxed))
    }
}

pub(super) struct Pool {
    jobs: Mutex<Jobs>,
    has_job: Condvar,
    /// The CPUs that we may use.
    cpus: Vec<usize>,
    /// As many threads at one listener as there are CPUs.
    useful: usize,
    /// Nobody takes a question any more.
    parting: AtomicBool,
    /// Nobody looks after held up threads: the next question rings.
    quiet: AtomicBool,
    bell: OwnedFd,
    ring: OwnedFd,
}

#[derive(Default)]
struct Jobs {
    waiting: Vec<Arc<Lead>>,
    idle: usize,
    threads: usize,
    /// Of the threads, to knock at.
    names: Vec<Pid>,
    leads: Vec<Arc<Lead>>,
}

impl Pool {
    pub(super) fn new() -> Result<Pool, SysError> {
        let (bell, ring) = sys::fd::pipe()?;
        sys::fd::set_nonblocking(bell.as_fd(), true)?;
        sys::fd::set_nonblocking(ring.as_fd(), true)?;
        let allowed = sched_getaffinity(Pid::from_raw(0)).unwrap_or_default();
        let cpus: Vec<usize> = (0..CpuSet::count())
            .filter(|n| allowed.is_set(*n).unwrap_or(false))
            .collect();
        Ok(Pool {
            jobs: Mutex::default(),
            has_job: Condvar::new(),
            useful: cpus.len().clamp(1, MOST_THREADS / 2),
            cpus,
            parting: AtomicBool::new(false),
            // the first questions come at once
            quiet: AtomicBool::new(false),
            bell,
            ring,
        })
    }

    pub(super) fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.quiet.load(Relaxed)
    }

    /// Lets the calling thread run on the CPU of its seat alone, or on all. It is about speed: what the kernel refuses is left.
    fn settle(&self, seat: Option<u32>) {
        let wanted = match seat {
            Some(seat) if !self.cpus.is_empty() => {
                let nth = seat as usize % self.cpus.len();
                &self.cpus[nth..=nth]
            }
            _ => &self.cpus,
        };
        let mut set = CpuSet::new();
        for cpu in wanted {
            let _ = set.set(*cpu);
        }
        let _ = sched_setaffinity(Pid::from_raw(0), &set);
    }

    /// Something happens: somebody should look from time to time.
    fn ring(&self) {
        if self.quiet.load(Relaxed) && self.quiet.swap(false, Relaxed) {
            // a full pipe has rung already
            let _ = sys::fd::write_some(self.ring.as_fd(), b"!");
        }
    }

    /// Gives a listener whose questions wait another thread; becomes quiet when nothing happens.
    pub(super) fn look(&self, shared: &'static Shared, rung: bool) {
        if rung {
            let _ = sys::fd::read_some(self.bell(), &mut [0; 16]);
            return;
        }
        let leads: Vec<_> = {
            let mut jobs = self.jobs.lock().expect("no panic while it was held");
            jobs.leads.retain(|lead| !lead.over.load(Relaxed));
            jobs.leads.clone()
        };
        let mut is_active = false;
        for lead in leads {
            let asked = lead.listener.is_asked();
            let mut trial = lead.trial.lock().expect("no panic while it was held");
            let crowded = lead.crowded.swap(0, Relaxed) * OFTEN;
            let (threads, most) = (lead.active.load(Relaxed), self.useful);
            let answered = trial.since(lead.answered());
            let advice = trial.look(answered, crowded, threads, most);
            if asked && answered == 0 || advice == Advice::More {
                shared.help(&lead);
            }
            lead.is_spare.store(advice == Advice::Fewer, Relaxed);
            is_active |= asked || answered != 0;
        }
        if !is_active {
            shared.cache.shrink();
            self.quiet.store(true, Relaxed);
        }
    }
}

impl Shared {
    /// Serves one more listener.
    pub(super) fn lead(&'static self, lead: Lead) -> Result<(), SysError> {
        let lead = Arc::new(lead);
        let mut jobs = self.pool.jobs.lock().expect("no panic while it was held");
        jobs.leads.push(Arc::clone(&lead));
        self.give(&mut jobs, lead)
    }

    /// Lets another thread wait for the listener's questions.
    fn help(&'static self, lead: &Arc<Lead>) {
        let mut jobs = self.pool.jobs.lock().expect("no panic while it was held");
        // without a thread the questions wait for those that are there
        let _ = self.give(&mut jobs, Arc::clone(lead));
    }

    fn give(&'static self, jobs: &mut Jobs, lead: Arc<Lead>) -> Result<(), SysError> {
        // each listener has at least one
        let is_idle = jobs.idle > jobs.waiting.len();
        if !is_idle && jobs.threads >= MOST_THREADS && lead.active.load(Relaxed) > 0 {
            return Ok(());
        }
        // it counts from now on: until it runs, others would call for one more
        lead.active.fetch_add(1, SeqCst);
        if is_idle {
            jobs.waiting.push(lead);
            self.pool.has_job.notify_one();
            return Ok(());
        }
        jobs.threads += 1;
        let its = Arc::clone(&lead);
        let thread = sys::thread::spawn("identity", move || self.work(its));
        thread.map(drop).inspect_err(|_| {
            jobs.threads -= 1;
            lead.active.fetch_sub(1, SeqCst);
        })
    }

    /// Has all threads leave their listeners, whose questions wait from then on; returns those that have askers. `None`:
    /// somebody is at work, and all goes on.
    pub(super) fn part(&'static self) -> Option<Vec<Arc<Lead>>> {
        /// In milliseconds; a thread that works for longer is held up.
        const PATIENCE: u32 = 20;
        self.pool.parting.store(true, SeqCst);
        for _ in 0..PATIENCE {
            let jobs = self.pool.jobs.lock().expect("no panic while it was held");
            if jobs.leads.iter().all(|l| l.active.load(SeqCst) == 0) {
                let asking = (jobs.leads.iter()).filter(|l| l.listener.has_askers());
                return Some(asking.cloned().collect());
            }
            jobs.names.iter().copied().for_each(sys::thread::knock);
            drop(jobs);
            std::thread::sleep(Duration::from_millis(1));
        }
        self.go_on();
        None
    }

    /// Has the listeners served again after [`Shared::part`].
    pub(super) fn go_on(&'static self) {
        self.pool.parting.store(false, SeqCst);
        let mut jobs = self.pool.jobs.lock().expect("no panic while it was held");
        for lead in jobs.leads.clone() {
            if lead.active.load(SeqCst) == 0 && !lead.over.load(Relaxed) {
                // without a thread the questions wait for those that are there
                let _ = self.give(&mut jobs, lead);
            }
        }
    }

    /// A thread's life.
    fn work(&'static self, mut lead: Arc<Lead>) {
        let (Ok(mut worker), Ok(name)) = (Worker::new(self), sys::thread::hear_knocks()) else {
            let mut jobs = self.pool.jobs.lock().expect("no panic while it was held");
            jobs.threads -= 1;
            // without another thread nobody answers
            let is_last = lead.active.fetch_sub(1, SeqCst) == 1;
            lead.over.fetch_or(is_last, Relaxed);
            return;
        };
        let mut jobs = self.pool.jobs.lock().expect("no panic while it was held");
        jobs.names.push(name);
        drop(jobs);
        loop {
            let seat = lead.sit();
            if self.serve(&mut worker, &lead, seat) {
                self.pool.settle(None);
            }
            lead.rise(seat);
            worker.rest();
            let mut jobs = self.pool.jobs.lock().expect("no panic while it was held");
            let is_last = lead.active.fetch_sub(1, SeqCst) == 1;
            if is_last && !lead.over.load(Relaxed) && !self.pool.parting.load(SeqCst) {
                // it left for a parting that has been given up meanwhile, and nobody else was called
                lead.active.fetch_add(1, SeqCst);
                continue;
            }
            drop(lead);
            jobs.idle += 1;
            lead = loop {
                if let Some(lead) = jobs.waiting.pop() {
                    break lead;
                }
                jobs = self
                    .pool
                    .has_job
                    .wait(jobs)
                    .expect("no panic while it was held");
            };
            jobs.idle -= 1;
        }
    }

    /// Answers what is asked, until nobody is left who could ask, or others do it as well. Returns whether the thread is
    /// bound to its CPU.
    fn serve(&'static self, worker: &mut Worker, lead: &Arc<Lead>, seat: u32) -> bool {
        /// After so many looks in vain, each time another waited as well, a thread too many leaves.
        const ENOUGH: u32 = 8;
        let (mut in_vain, mut is_bound) = (0, false);
        let is_parting = || self.pool.parting.load(SeqCst);
        let own = lead.seat(seat);
        for count in 0u64.. {
            if is_parting() {
                break;
            }
            own.is_waiting.store(true, Relaxed);
            let question = lead.listener.receive(is_parting);
            own.is_waiting.store(false, Relaxed);
            let Some(question) = question else {
                lead.over.fetch_or(!is_parting(), Relaxed);
                break;
            };
            self.pool.ring();
            if count % OFTEN == 0 {
                let is_crowded = lead.active.load(Relaxed) > 1;
                if is_crowded != is_bound {
                    self.pool.settle(is_crowded.then_some(seat));
                    is_bound = is_crowded;
                }
                let is_asked = lead.listener.is_asked();
                let is_spare = !is_asked && lead.has_waiting();
                in_vain = if is_spare { in_vain + 1 } else { 0 };
                lead.crowded.fetch_add(is_asked.into(), Relaxed);
                if lead.has_waiting() && lead.is_spare.swap(false, Relaxed) {
                    in_vain = ENOUGH;
                }
            }
            worker.answer(lead, &question);
            let answered = own.answered.load(Relaxed) + 1;
            own.answered.store(answered, Relaxed);
            if in_vain >= ENOUGH && lead.has_waiting() {
                break;
            }
        }
        is_bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thread_has_a_seat_and_the_first_free_one_is_taken_again() {
        let listener = Listener::new(sys::fd::dev_null().unwrap());
        let lead = Lead::new(listener, Credentials::new(0, 0, &[], 0));
        assert_eq!([lead.sit(), lead.sit(), lead.sit()], [0, 1, 2]);
        lead.rise(1);
        assert_eq!([lead.sit(), lead.sit()], [1, 3]);
    }

    #[test]
    fn a_seat_is_one_cpu_and_without_one_all_are_there() {
        let cpus = || {
            let set = sched_getaffinity(Pid::from_raw(0)).unwrap();
            let is_set = |n: &usize| set.is_set(*n).unwrap();
            (0..CpuSet::count()).filter(is_set).collect::<Vec<_>>()
        };
        let all = cpus();
        let pool = Pool::new().unwrap();
        for seat in 0..3 {
            pool.settle(Some(seat));
            assert_eq!(cpus(), [all[seat as usize % all.len()]]);
        }
        pool.settle(None);
        assert_eq!(cpus(), all);
    }
}
