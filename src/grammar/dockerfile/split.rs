//! A logical line to keyword, flags and arguments.

/// Blanks between words: BuildKit's `[\t\v\f\r ]+`.
pub(super) fn is_blank(c: char) -> bool {
    matches!(c, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ')
}

/// Keyword as written, flags, and the rest.
pub(super) fn command(line: &str) -> (String, Vec<String>, String) {
    let line = line.trim();
    let Some((keyword, rest)) = halves(line) else {
        return (line.to_owned(), Vec::new(), String::new());
    };
    let (flags, rest) = flags(rest);
    (keyword.to_owned(), flags, rest.trim().to_owned())
}

/// The first word and what follows the blanks after it.
pub(super) fn halves(text: &str) -> Option<(&str, &str)> {
    let at = text.find(is_blank)?;
    Some((&text[..at], text[at..].trim_start_matches(is_blank)))
}

/// Words that begin with `--`, without quotes and escapes, and what follows them.
fn flags(line: &str) -> (Vec<String>, &str) {
    let mut flags = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start();
        if !rest.starts_with("--") {
            return (flags, rest);
        }
        let (word, after) = flag(rest);
        rest = after;
        if word == "--" {
            return (flags, rest);
        }
        flags.push(word);
    }
}

fn flag(line: &str) -> (String, &str) {
    let mut word = String::new();
    let mut quote = None;
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        match (c, quote) {
            (c, None) if c.is_whitespace() => return (word, &line[at..]),
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            ('\\', _) => word.extend(chars.next().map(|(_, next)| next)),
            (c, _) => word.push(c),
        }
    }
    (word, "")
}

/// Cuts at blanks outside of quotes; quotes and escapes stay in the words.
pub(super) fn words(rest: &str, escape: char) -> Vec<String> {
    let mut all = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut chars = rest.chars().peekable();
    while let Some(c) = chars.next() {
        if quote.is_none() && c.is_whitespace() {
            if !word.is_empty() {
                all.push(std::mem::take(&mut word));
            }
            continue;
        }
        match quote {
            None if c == '\'' || c == '"' => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ => {}
        }
        if c == escape && quote != Some('\'') {
            // one at the very end is dropped
            let Some(next) = chars.next() else { break };
            word.extend([c, next]);
            continue;
        }
        word.push(c);
    }
    if !word.is_empty() {
        all.push(word);
    }
    all
}

/// Why a list in JSON is refused.
pub(super) const NOT_STRINGS: &str =
    "when using JSON array syntax, arrays must be comprised of strings only";

/// The strings of a JSON array at the beginning of `rest`; `None` when there is no valid JSON, an error when it is valid
/// and holds something else than strings. What follows the array is not looked at, as with Go's decoder.
pub(super) fn json_list(rest: &str) -> Result<Option<Vec<String>>, String> {
    let rest = rest.trim_start();
    if !rest.starts_with('[') {
        return Ok(None);
    }
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<serde_json::Value>();
    let Some(Ok(serde_json::Value::Array(list))) = values.next() else {
        return Ok(None);
    };
    let strings: Option<Vec<String>> = list
        .into_iter()
        .map(|value| match value {
            serde_json::Value::String(text) => Some(text),
            _ => None,
        })
        .collect();
    strings.map(Some).ok_or_else(|| NOT_STRINGS.to_owned())
}

/// `NAME value` or `NAME=value NAME=value`, quotes and escapes kept. The second says whether it was the old form.
pub(super) fn pairs(
    keyword: &str,
    rest: &str,
    escape: char,
) -> Result<(Vec<(String, String)>, bool), String> {
    let words = words(rest, escape);
    let Some(first) = words.first() else {
        return Ok((Vec::new(), false));
    };
    if !first.contains('=') {
        let Some((name, value)) = halves(rest) else {
            return Err(format!("{keyword} must have two arguments"));
        };
        return Ok((vec![(name.to_owned(), value.to_owned())], true));
    }
    let pair = |word: &String| match word.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err(format!(
            "Syntax error - can't find = in {}. Must be of the form: name=value",
            crate::grammar::go::quote(word)
        )),
    };
    let pairs: Result<Vec<_>, String> = words.iter().map(pair).collect();
    Ok((pairs?, false))
}

/// Cuts at blanks; quotes have no meaning.
pub(super) fn fields(rest: &str) -> Vec<String> {
    rest.split(is_blank)
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}
