//! Names for containers that got none: `adjective_surname`.

use crate::error::Result;
use crate::sys::random;

const ADJECTIVES: &[&str] = &[
    "able", "agile", "amber", "apt", "ardent", "awake", "balmy", "blithe", "bold", "brave", "breezy", "bright",
    "brisk", "calm", "candid", "cheery", "civil", "clear", "clever", "cosy", "crisp", "curious", "dapper", "daring",
    "deft", "droll", "eager", "earnest", "easy", "elated", "exact", "fair", "fearless", "festive", "fond", "frank",
    "free", "gallant", "gentle", "gifted", "glad", "golden", "grand", "happy", "hardy", "hearty", "honest", "hopeful",
    "humble", "jolly", "jovial", "keen", "kind", "lively", "loyal", "lucid", "lucky", "mellow", "merry", "mild",
    "modest", "musing", "neat", "nimble", "noble", "patient", "placid", "plucky", "polite", "proud", "quick", "quiet",
    "quirky", "ready", "rustic", "sage", "serene", "sharp", "silent", "sleek", "smiling", "snug", "sober", "spry",
    "steady", "stoic", "sunny", "swift", "tender", "thrifty", "tidy", "trusty", "upbeat", "vivid", "warm", "witty",
    "zany", "zealous",
];

/// People of computing, mathematics and the sciences.
const SURNAMES: &[&str] = &[
    "abel", "ada", "agnesi", "allen", "ampere", "archimedes", "aryabhata", "babbage", "bartik", "bell", "bernoulli",
    "bhabha", "bohr", "boole", "bose", "boyd", "brahmagupta", "carson", "cartwright", "cerf", "chandrasekhar",
    "chatelet", "clarke", "cori", "cray", "curie", "darwin", "dijkstra", "dirac", "easley", "einstein", "elion",
    "engelbart", "euclid", "euler", "faraday", "feistel", "fermat", "fermi", "feynman", "floyd", "franklin", "galileo",
    "galois", "gates", "gauss", "germain", "goldberg", "goodall", "gould", "hamilton", "haslett", "hawking",
    "heisenberg", "hellman", "hermann", "herschel", "hertz", "hilbert", "hodgkin", "hoover", "hopper", "hugle",
    "hypatia", "jackson", "jang", "jennings", "johnson", "joliot", "jones", "kalam", "kapitsa", "kare", "keldysh",
    "keller", "kepler", "khayyam", "khorana", "kilby", "kirch", "knuth", "kowalevski", "lalande", "lamarr", "lamport",
    "leakey", "leavitt", "lederberg", "leibniz", "lichterman", "liskov", "lovelace", "lumiere", "mahavira", "maxwell",
    "mayer", "mccarthy", "mcclintock", "meitner", "mendel", "mendeleev", "mirzakhani", "montalcini", "moore", "morse",
    "napier", "nash", "neumann", "newton", "nightingale", "nobel", "noether", "northcutt", "noyce", "panini", "pare",
    "pascal", "pasteur", "payne", "perlman", "pike", "planck", "poincare", "poitras", "ptolemy", "raman", "ramanujan",
    "rhodes", "ride", "riemann", "ritchie", "robinson", "roentgen", "rosalind", "rubin", "saha", "sammet", "sanderson",
    "shannon", "shaw", "shirley", "shockley", "sinoussi", "snyder", "solomon", "spence", "stallman", "stonebraker",
    "sutherland", "swanson", "swirles", "tesla", "tharp", "thompson", "torvalds", "tu", "turing", "varahamihira",
    "villani", "visvesvaraya", "volhard", "wescoff", "wiles", "williams", "wilson", "wing", "wozniak", "wright", "wu",
    "yalow", "yonath", "zhukovsky",
];

/// Returns a name at random; it may be taken.
pub(super) fn random() -> Result<String> {
    let mut bytes = [0; 4];
    random::fill(&mut bytes)?;
    let pick = |list: &'static [&'static str], bytes: [u8; 2]| {
        list[usize::from(u16::from_le_bytes(bytes)) % list.len()]
    };
    let [a, b, c, d] = bytes;
    Ok(format!("{}_{}", pick(ADJECTIVES, [a, b]), pick(SURNAMES, [c, d])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_one_that_a_user_could_give() {
        for word in ADJECTIVES.iter().chain(SURNAMES) {
            assert!(word.len() > 1 && word.bytes().all(|b| b.is_ascii_lowercase()), "{word}");
        }
        let name = random().unwrap();
        assert!(crate::grammar::name::container(&name).is_ok(), "{name}");
        assert_eq!(name.split('_').count(), 2);
    }
}
