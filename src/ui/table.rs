//! Text in aligned columns, as docker's tables are: Go's text/tabwriter with a minimal width of 10 and a padding of 3.
//!
//! A cell ends with a tab; what follows the last tab of a line belongs to no column. A column is a block of neighbouring
//! lines that have that cell, so a line without tabs separates two blocks with widths of their own (pkg.go.dev/text/tabwriter).

/// Widths of one table: docker's lists use `Layout::LIST`, its `top` uses `Layout::TOP`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// Least width of a column with its padding.
    pub(crate) min_width: usize,
    /// Blanks between a column's widest cell and the next column.
    pub(crate) padding: usize,
}

impl Layout {
    /// `ps`, `images`, `history`, `network ls`, ...
    pub(crate) const LIST: Layout = Layout {
        min_width: 10,
        padding: 3,
    };
    /// `top`.
    pub(crate) const TOP: Layout = Layout {
        min_width: 20,
        padding: 3,
    };
    /// `version`.
    pub(crate) const VERSION: Layout = Layout {
        min_width: 20,
        padding: 1,
    };
}

/// Returns `text` (lines of cells that end with tabs) with its columns aligned by blanks.
pub(crate) fn align(text: &str, layout: Layout) -> String {
    let lines: Vec<Vec<&str>> = text.lines().map(|l| l.split('\t').collect()).collect();
    let mut widths: Vec<Vec<usize>> = lines.iter().map(|l| vec![0; l.len() - 1]).collect();
    let columns = widths.iter().map(Vec::len).max().unwrap_or(0);
    for column in 0..columns {
        set_widths(&lines, &mut widths, column, layout);
    }
    let mut out = String::with_capacity(text.len() * 2);
    for (cells, widths) in lines.iter().zip(&widths) {
        for (cell, width) in cells.iter().zip(widths) {
            out.push_str(cell);
            out.extend(std::iter::repeat_n(
                ' ',
                width.saturating_sub(cell.chars().count()),
            ));
        }
        out.push_str(cells.last().copied().unwrap_or_default());
        out.push('\n');
    }
    out
}

/// Gives each block of neighbouring lines that have cell `column` one width.
fn set_widths(lines: &[Vec<&str>], widths: &mut [Vec<usize>], column: usize, layout: Layout) {
    let mut start = 0;
    while start < lines.len() {
        if widths[start].len() <= column {
            start += 1;
            continue;
        }
        let block = widths[start..]
            .iter()
            .take_while(|w| w.len() > column)
            .count();
        let widest = lines[start..start + block]
            .iter()
            .map(|l| l[column].chars().count() + layout.padding)
            .fold(layout.min_width, usize::max);
        for w in &mut widths[start..start + block] {
            w[column] = widest;
        }
        start += block;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_as_docker_aligns_them() {
        for (text, want) in [
            ("", ""),
            // docker ps without containers
            (
                "CONTAINER ID\tIMAGE\tCOMMAND\tCREATED\tSTATUS\tPORTS\tNAMES",
                "CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES\n",
            ),
            // docker ps --format 'table {{.ID}}\t{{.Names}}\t{{.Label "k"}}\t{{.LocalVolumes}} X {{.Mounts}}'
            (
                "CONTAINER ID\tNAMES\tk\tLOCAL VOLUMES X MOUNTS\n6df4460f0e0d\twr-rich\tv\t2 X ,/tmp/wr/b\n\
                 7aec50782dfd\tpl1\t\t0 X ",
                "CONTAINER ID   NAMES     k         LOCAL VOLUMES X MOUNTS\n\
                 6df4460f0e0d   wr-rich   v         2 X ,/tmp/wr/b\n7aec50782dfd   pl1                 0 X \n",
            ),
            // widths count characters, not bytes
            (
                "\"sh -c 'echo out; ec…\"\tx\nab\ty",
                "\"sh -c 'echo out; ec…\"   x\nab                       y\n",
            ),
            // a line without tabs separates blocks
            (
                "a\tb\nlonger line\nccccccccccc\td",
                "a         b\nlonger line\nccccccccccc   d\n",
            ),
        ] {
            assert_eq!(align(text, Layout::LIST), want, "{text:?}");
        }
    }

    #[test]
    fn top_uses_wider_columns() {
        assert_eq!(
            align("PID\tCMD\n2401\tsleep 10000", Layout::TOP),
            "PID                 CMD\n2401                sleep 10000\n"
        );
    }
}
