//! The patterns of `${v#p}` and its like: `*`, `?` and escapes, no classes; `/` is like any other character
//! (shell/lex.go, convertShellPatternToRegex).

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Any,
    One,
    Text(char),
}

/// A read pattern.
#[derive(Debug, Clone)]
pub struct Pattern {
    tokens: Vec<Token>,
}

impl Pattern {
    /// Reads a pattern; every text is one.
    pub fn parse(text: &str) -> Pattern {
        let mut tokens = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            tokens.push(match c {
                '*' if tokens.last() == Some(&Token::Any) => continue,
                '*' => Token::Any,
                '?' => Token::One,
                '\\' => Token::Text(chars.next().unwrap_or('\\')),
                c => Token::Text(c),
            });
        }
        Pattern { tokens }
    }

    /// The ends (in bytes) of all matches that begin at the beginning of `text`, in rising order.
    fn ends(&self, text: &str) -> Vec<usize> {
        // which tokens may come next, for every position: the pattern's automaton, so that no pattern takes exponential time
        let mut at = vec![false; self.tokens.len() + 1];
        at[0] = true;
        let mut ends = Vec::new();
        let mut position = 0;
        let mut chars = text.chars();
        loop {
            for i in 0..self.tokens.len() {
                if at[i] && self.tokens[i] == Token::Any {
                    at[i + 1] = true;
                }
            }
            if at[self.tokens.len()] {
                ends.push(position);
            }
            let Some(c) = chars.next() else { return ends };
            let mut next = vec![false; self.tokens.len() + 1];
            for (i, token) in self.tokens.iter().enumerate().filter(|(i, _)| at[*i]) {
                match token {
                    Token::Any => next[i] = true,
                    Token::One => next[i + 1] = true,
                    Token::Text(t) => next[i + 1] |= *t == c,
                }
            }
            if !next.contains(&true) {
                return ends;
            }
            at = next;
            position += c.len_utf8();
        }
    }

    /// Returns where the matching prefix of `value` ends: the longest one when `greedy`; 0 without a match.
    pub fn prefix(&self, value: &str, greedy: bool) -> usize {
        let ends = self.ends(value);
        let end = if greedy { ends.last() } else { ends.first() };
        end.copied().unwrap_or(0)
    }

    /// Returns where the matching suffix of `value` begins: the longest one when `greedy`; its length without a match.
    pub fn suffix(&self, value: &str, greedy: bool) -> usize {
        let backwards = Pattern {
            tokens: self.tokens.iter().rev().copied().collect(),
        };
        let reversed: String = value.chars().rev().collect();
        value.len() - backwards.prefix(&reversed, greedy)
    }

    /// Replaces the first match or all. `$1` and `${x}` in `with` are Go's references to groups, which a pattern has
    /// none of, so they are empty; `$$` is `$`.
    pub fn replace(&self, value: &str, with: &str, all: bool) -> String {
        let with = if all {
            references(with)
        } else {
            with.to_owned()
        };
        let mut out = String::new();
        let mut rest = value;
        let mut last_was_match = false;
        loop {
            let end = self.ends(rest).last().copied();
            let next = rest.chars().next().map_or(0, char::len_utf8);
            match end {
                // an empty match right behind another one is none
                Some(end) if !(end == 0 && last_was_match) => {
                    out += &with;
                    rest = &rest[end..];
                    last_was_match = end > 0;
                    if !all {
                        return out + rest;
                    }
                    if end > 0 {
                        if rest.is_empty() {
                            return out;
                        }
                        continue;
                    }
                }
                _ => last_was_match = false,
            }
            if rest.is_empty() {
                return out;
            }
            let next = next.min(rest.len());
            out += &rest[..next];
            rest = &rest[next..];
        }
    }
}

/// Go's Regexp.Expand for a pattern without groups.
fn references(with: &str) -> String {
    let mut out = String::new();
    let mut rest = with;
    while let Some((before, after)) = rest.split_once('$') {
        out += before;
        let is_word = |c: char| c == '_' || c.is_alphanumeric();
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, left)) = after.strip_prefix('{').and_then(|a| a.split_once('}'))
            && !name.is_empty()
            && name.chars().all(is_word)
        {
            rest = left;
        } else if after.starts_with(is_word) {
            rest = after.trim_start_matches(is_word);
        } else {
            out.push('$');
            rest = after;
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortest_and_longest() {
        for (pattern, greedy, prefix, suffix) in [
            ("*.", false, 4, 11),
            ("*.", true, 8, 11),
            (".*", false, 0, 7),
            (".*", true, 0, 3),
            ("foo", true, 3, 11),
            ("*", true, 11, 0),
            ("*", false, 0, 11),
            ("???", false, 3, 8),
        ] {
            let p = Pattern::parse(pattern);
            let value = "foo.bar.baz";
            assert_eq!(p.prefix(value, greedy), prefix, "{pattern} {greedy}");
            assert_eq!(p.suffix(value, greedy), suffix, "{pattern} {greedy}");
        }
    }

    #[test]
    fn replacing() {
        let replace = |p: &str, v, w, all| Pattern::parse(p).replace(v, w, all);
        assert_eq!(replace("o", "foo", "0", false), "f0o");
        assert_eq!(replace("o", "foo", "0", true), "f00");
        assert_eq!(replace("o*", "foox", "-", true), "f-");
        assert_eq!(replace("\\*", "a*b", "x", true), "axb");
        assert_eq!(replace("z", "äz", "$$", true), "ä$");
        assert_eq!(replace("", "ab", "-", true), "-a-b-");
        assert_eq!(replace("z", "", "-", true), "");
    }

    #[test]
    fn a_hard_pattern_ends() {
        let p = Pattern::parse(&"*a".repeat(200));
        assert_eq!(p.prefix(&"a".repeat(199), true), 0);
    }
}
