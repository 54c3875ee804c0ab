//! Text from a guest, made fit for one line of a log or of an answer.

/// At most `max` bytes, control characters as spaces.
pub(crate) fn one_line(text: &str, max: usize) -> String {
    let mut line = String::with_capacity(text.len().min(max));
    for c in text.trim().chars() {
        if line.len() + c.len_utf8() > max {
            line.push_str("...");
            break;
        }
        line.push(if c.is_control() { ' ' } else { c });
    }
    line
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_line_is_one_line_and_bounded() {
        assert_eq!(super::one_line(" a\r\nb\t ", 100), "a  b");
        assert_eq!(super::one_line("äää", 5), "ää...");
    }
}
