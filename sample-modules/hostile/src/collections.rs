//! Lists and sorted sets, changed in every way that there is.
use sandkey::prelude::*;

/// Everything that a command can do to a list and to a sorted set: the reply is what each thing answered. With `fail` an error
/// comes at the end, and both are as before.
#[command("hostile.collections", write)]
pub fn collections(_ctx: &Context, list: Key, zset: Key, fail: Option<bool>) -> Result<Vec<String>> {
    let mut seen = of_list(list.as_list())?;
    seen.extend(of_sorted_set(zset.as_sorted_set())?);
    bail!(if fail == Some(true), "ERR changed my mind");
    Ok(seen)
}

fn of_list(list: List) -> Result<Vec<String>> {
    let seen = [
        format!("{:?}", list.push_many(End::Tail, ["t1", "pivot", "t2"])?),
        format!("{:?}", list.push_many(End::Head, ["h1", "dup", "h2"])?),
        format!("{:?}", list.insert_before("pivot", "dup")?),
        format!("{:?}", list.insert_after("pivot", "dup")?),
        format!("{:?}", list.set(-1, "last")?),
        format!("{:?}", list.pop(End::Head)?.as_deref().map(text)),
        format!("{:?}", list.pop_many(End::Tail, 2)?.iter().map(text).collect::<Vec<_>>()),
        format!("{:?}", list.remove_some("dup", End::Tail, 1)?),
        format!("{:?}", list.get(0)?.as_deref().map(text)),
        format!("{:?}", list.trim(1, -1)?),
        format!("{:?}", list.range(-2, 9)?.iter().map(text).collect::<Vec<_>>()),
        format!("{:?}", list.len()?),
    ];
    Ok(seen.into())
}

fn of_sorted_set(zset: SortedSet) -> Result<Vec<String>> {
    let seen = [
        format!("{:?}", zset.add_many([("a", 1.0), ("b", 0.1), ("c", f64::INFINITY), ("d", -2.5)])?),
        format!("{:?}", zset.incr_by("b", 0.2)?),
        format!("{:?}", zset.scores(["b", "c", "none"])?),
        format!("{:?}", (zset.rank("d")?, zset.rev_rank("d")?, zset.count(..=1.0)?)),
        format!("{:?}", pairs(&zset.range_by_score(-2.5..1.0, 1, 2)?)),
        format!("{:?}", pairs(&zset.rev_range(0, 2)?)),
        format!("{:?}", zset.remove_many(["a", "none"])?),
        format!("{:?}", pairs(&zset.pop_min_many(1)?)),
        format!("{:?}", zset.pop_max()?.map(|(member, score)| (text(&member), score))),
        format!("{:?}", zset.len()?),
        format!("{:?}", zset.add("nan", f64::NAN)),
    ];
    Ok(seen.into())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn pairs(scored: &Scored) -> Vec<(String, f64)> {
    scored.iter().map(|(member, score)| (text(member), score)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fake_server_answers_as_the_real_one() {
        // The same file is what a real server is held to.
        let expected = include_str!("../../../tests/golden/collections.txt");
        let ctx = Context::test();
        let reply = ctx.run::<collections>(["l", "z"]).unwrap();
        let lines = expected.lines().map(|line| Value::Bulk(line.as_bytes().to_vec()));
        assert_eq!(reply, Value::Array(lines.collect()));
    }
}
