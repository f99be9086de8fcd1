//! `(did you mean RUN?)`: BuildKit's hint for a mistyped word (util/suggest).

/// Adds a hint to `text` when an option is at most two edits away from `word` (letters of any case count as equal
/// unless `case`).
pub(super) fn hinted(text: String, word: &str, options: &[&str], case: bool) -> String {
    let fold = |text: &str| match case {
        true => text.to_owned(),
        false => text.to_lowercase(),
    };
    let near = options
        .iter()
        .find(|option| distance(&fold(word), &fold(option)) < 3);
    match near {
        Some(option) => format!("{text} (did you mean {option}?)"),
        None => text,
    }
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_word_is_named() {
        let say = |word| hinted("x".to_owned(), word, &["COPY", "RUN"], false);
        assert_eq!(say("runn"), "x (did you mean RUN?)");
        assert_eq!(say("frobnicate"), "x");
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
