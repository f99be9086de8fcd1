//! Whether another thread would do more at a listener, tried out: where two scheduling groups meet, or an idle CPU is dear to
//! wake (a virtual machine's), two threads do less than one.

/// What to do about the number of threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Advice {
    Stay,
    More,
    Fewer,
}

/// What is remembered from tick to tick.
#[derive(Debug, Default)]
pub(super) struct Trial {
    /// Questions answered until the last tick.
    answered: u64,
    stage: Stage,
    /// Of the ticks in a row in which questions waited: how many, and the most that was answered in one.
    crowded: u32,
    most: u64,
    /// Ticks until the next trial, and how many it was after the last one that failed.
    pause: u32,
    last_pause: u32,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Stage {
    /// As many threads as have proved good.
    #[default]
    Steady,
    /// One came to so many: how much they did in a tick without it, and the most with it so far; ticks that are left.
    Trying {
        threads: usize,
        before: u64,
        best: u64,
        left: u32,
    },
    /// It is to go.
    Over { threads: usize },
}

impl Trial {
    /// How many questions were answered since the last tick, of `all`.
    pub(super) fn since(&mut self, all: u64) -> u64 {
        // counts of several threads are read one by one
        let since = all.saturating_sub(self.answered);
        self.answered = all;
        since
    }

    /// What a tick showed: so many questions answered by so many threads, of which so many came while another waited already.
    pub(super) fn look(
        &mut self,
        answered: u64,
        crowded: u64,
        threads: usize,
        most: usize,
    ) -> Advice {
        /// How many are compared with how many: what is asked begins and ends within a tick, and a thread that has just come
        /// has to find its place.
        const TICKS: u32 = 3;
        /// Ticks: one second, and more than a minute.
        const SHORT: u32 = 50;
        const LONG: u32 = 50 * 64;
        self.pause = self.pause.saturating_sub(1);
        match self.stage {
            Stage::Steady => {
                if answered == 0 || 2 * crowded < answered {
                    (self.crowded, self.most) = (0, 0);
                    return Advice::Stay;
                }
                (self.crowded, self.most) = (self.crowded + 1, answered.max(self.most));
                if self.crowded < TICKS || threads >= most || self.pause > 0 {
                    return Advice::Stay;
                }
                self.stage = Stage::Trying {
                    threads,
                    before: std::mem::take(&mut self.most),
                    best: 0,
                    left: TICKS,
                };
                Advice::More
            }
            Stage::Trying {
                threads,
                before,
                ref mut best,
                ref mut left,
            } => {
                *best = answered.max(*best);
                *left -= 1;
                if *left > 0 {
                    return Advice::Stay;
                }
                self.crowded = 0;
                if answered == 0 || 2 * crowded < answered {
                    // what was asked is over: nothing is known, and who is not needed goes by itself
                    self.pause = SHORT;
                    self.stage = Stage::Steady;
                    return Advice::Stay;
                }
                // a tenth more, or it is not worth a CPU
                if 10 * *best >= 11 * before {
                    self.last_pause = 0;
                    self.stage = Stage::Steady;
                    return Advice::Stay;
                }
                self.last_pause = (2 * self.last_pause).clamp(SHORT, LONG);
                self.pause = self.last_pause;
                self.stage = Stage::Over { threads };
                Advice::Fewer
            }
            Stage::Over { threads: few } if threads > few => Advice::Fewer,
            Stage::Over { .. } => {
                self.stage = Stage::Steady;
                Advice::Stay
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs ticks; `does`: what so many threads answer in one. Returns how many threads there are after each.
    fn run(ticks: usize, does: impl Fn(usize) -> u64) -> Vec<usize> {
        let (mut trial, mut threads) = (Trial::default(), 1);
        (0..ticks)
            .map(|_| {
                let answered = does(threads);
                match trial.look(answered, answered, threads, 2) {
                    Advice::More => threads += 1,
                    Advice::Fewer => threads -= 1,
                    Advice::Stay => {}
                }
                threads
            })
            .collect()
    }

    #[test]
    fn a_second_thread_stays_where_it_does_more() {
        let threads = run(100, |threads| 4000 * threads as u64);
        assert_eq!(threads[..2], [1; 2]);
        assert_eq!(threads[2..], [2; 98]);
    }

    #[test]
    fn it_goes_where_it_does_not_and_is_tried_ever_more_seldom() {
        let threads = run(2000, |threads| 4000 - 100 * threads as u64);
        let with_two = threads.iter().filter(|n| **n == 2).count();
        assert!((12..=20).contains(&with_two), "{with_two} ticks");
        assert_eq!(threads[..7], [1, 1, 2, 2, 2, 1, 1]);
    }

    #[test]
    fn nobody_comes_where_hardly_any_question_waits() {
        let mut trial = Trial::default();
        for _ in 0..10 {
            assert_eq!(trial.look(4000, 1600, 1, 2), Advice::Stay);
            assert_eq!(trial.look(0, 0, 1, 2), Advice::Stay);
        }
        for _ in 0..3 {
            assert_eq!(trial.look(4000, 2000, 1, 1), Advice::Stay);
        }
        assert_eq!(trial.look(4000, 2000, 1, 2), Advice::More);
    }

    #[test]
    fn what_is_counted_is_counted_once() {
        let mut trial = Trial::default();
        assert_eq!([trial.since(5), trial.since(5), trial.since(9)], [5, 0, 4]);
    }
}
