//! The box of lines below an error: which line of the Dockerfile it is about (util/errdefs/source.go).

use super::lines::Lines;

/// Returns the box with a final newline. `name`: of the file, as it is shown. One line has two beside it on either side,
/// a range has one.
pub fn excerpt(name: &str, text: &str, lines: Lines) -> String {
    const RULE: &str = "--------------------\n";
    let all: Vec<&str> = text.split('\n').collect();
    let beside = if lines.first == lines.last { 2 } else { 1 };
    let first = lines.first.saturating_sub(beside).max(1);
    let last = (lines.last + beside).min(all.len());
    let mut out = format!("{name}:{}\n{RULE}", lines.first);
    for number in first..=last {
        let mark = match (lines.first..=lines.last).contains(&number) {
            true => ">>>",
            false => "   ",
        };
        let line = all[number - 1].trim_end_matches('\r');
        out += &format!("{number:4} | {mark} {line}\n");
    }
    out + RULE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_one_line_beside_it_and_one_line_two() {
        let text = "FROM x\n# c\nRUN echo hello && \\\n    exit 7\nRUN true\n";
        let range = Lines { first: 3, last: 4 };
        let want = "Dockerfile:3
--------------------
   2 |     # c
   3 | >>> RUN echo hello && \\
   4 | >>>     exit 7
   5 |     RUN true
--------------------
";
        assert_eq!(excerpt("Dockerfile", text, range), want);
        let one = Lines { first: 5, last: 5 };
        let want = "D:5
--------------------
   3 |     RUN echo hello && \\
   4 |         exit 7
   5 | >>> RUN true
   6 |     \n--------------------
";
        assert_eq!(excerpt("D", text, one), want);
    }
}
