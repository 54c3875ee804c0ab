//! Commands on lists, sets, sorted sets and streams, and what they do to the model. Scores are whole numbers and entries of streams have
//! ids of the client's choice, so that the model knows both.

use super::commands::{list, text, words};
use super::effect::{Expected, bulk, int, ok};
use super::model::{Bytes, Data, Model, WrongType};
use crate::value::Value;

/// One command.
#[derive(Clone, Debug)]
pub(crate) enum Collection {
    Push { key: String, left: bool, elements: Vec<Bytes> },
    Pop { key: String, left: bool },
    Move { from: String, to: String, from_left: bool, to_left: bool },
    TrimList { key: String, keep: usize },
    AddMembers { key: String, members: Vec<Bytes> },
    RemoveMembers { key: String, members: Vec<Bytes> },
    MoveMember { from: String, to: String, member: Bytes },
    UnionStore { to: String, from: [String; 2] },
    AddScored { key: String, members: Vec<(i64, Bytes)> },
    IncrementScore { key: String, by: i64, member: Bytes },
    PopLowest { key: String },
    AddEntry { key: String, id: u64, value: Bytes },
    DeleteEntry { key: String, id: u64 },
    TrimStream { key: String, keep: usize },
}

fn side(left: bool) -> &'static [u8] {
    if left { b"LEFT" } else { b"RIGHT" }
}

impl Collection {
    /// Its arguments.
    pub(crate) fn args(&self) -> Vec<Bytes> {
        match self {
            Self::Push { key, left, elements } => {
                let name: &[u8] = if *left { b"LPUSH" } else { b"RPUSH" };
                list(&[name, key.as_bytes()], elements.iter().map(Vec::as_slice))
            }
            Self::Pop { key, left } => words(&[if *left { b"LPOP" } else { b"RPOP" }, key.as_bytes()]),
            Self::Move { from, to, from_left, to_left } => {
                words(&[b"LMOVE", from.as_bytes(), to.as_bytes(), side(*from_left), side(*to_left)])
            }
            Self::TrimList { key, keep } => {
                words(&[b"LTRIM", key.as_bytes(), &text(&-(*keep as i64)), b"-1"])
            }
            Self::AddMembers { key, members } => {
                list(&[b"SADD", key.as_bytes()], members.iter().map(Vec::as_slice))
            }
            Self::RemoveMembers { key, members } => {
                list(&[b"SREM", key.as_bytes()], members.iter().map(Vec::as_slice))
            }
            Self::MoveMember { from, to, member } => {
                words(&[b"SMOVE", from.as_bytes(), to.as_bytes(), member])
            }
            Self::UnionStore { to, from: [one, other] } => {
                words(&[b"SUNIONSTORE", to.as_bytes(), one.as_bytes(), other.as_bytes()])
            }
            Self::AddScored { key, members } => {
                let mut args = words(&[b"ZADD", key.as_bytes()]);
                members.iter().for_each(|(score, member)| args.extend([text(score), member.clone()]));
                args
            }
            Self::IncrementScore { key, by, member } => {
                words(&[b"ZINCRBY", key.as_bytes(), &text(by), member])
            }
            Self::PopLowest { key } => words(&[b"ZPOPMIN", key.as_bytes()]),
            Self::AddEntry { key, id, value } => {
                words(&[b"XADD", key.as_bytes(), format!("{id}-1").as_bytes(), b"f", value])
            }
            Self::DeleteEntry { key, id } => words(&[b"XDEL", key.as_bytes(), format!("{id}-1").as_bytes()]),
            Self::TrimStream { key, keep } => words(&[b"XTRIM", key.as_bytes(), b"MAXLEN", &text(keep)]),
        }
    }

    /// Do to the model what the command does. What it must reply.
    pub(crate) fn apply(&self, model: &mut Model) -> Result<Expected, WrongType> {
        match self {
            Self::Push { .. } | Self::Pop { .. } | Self::Move { .. } | Self::TrimList { .. } => {
                self.apply_to_list(model)
            }
            Self::AddMembers { .. }
            | Self::RemoveMembers { .. }
            | Self::MoveMember { .. }
            | Self::UnionStore { .. } => self.apply_to_set(model),
            Self::AddScored { .. } | Self::IncrementScore { .. } | Self::PopLowest { .. } => {
                self.apply_to_zset(model)
            }
            Self::AddEntry { .. } | Self::DeleteEntry { .. } | Self::TrimStream { .. } => {
                self.apply_to_stream(model)
            }
        }
    }

    fn apply_to_list(&self, model: &mut Model) -> Result<Expected, WrongType> {
        let is_list = |data: &Data| matches!(data, Data::List(_));
        Ok(match self {
            Self::Push { key, left, elements } => {
                let list = model.list(key)?;
                for element in elements {
                    if *left { list.push_front(element.clone()) } else { list.push_back(element.clone()) }
                }
                int(list.len())
            }
            Self::Pop { key, left } => {
                let list = model.list(key)?;
                let taken = if *left { list.pop_front() } else { list.pop_back() };
                model.tidy(key);
                bulk(taken)
            }
            Self::Move { from, to, from_left, to_left } => {
                if !model.has(from, is_list)? {
                    return Ok(bulk(None));
                }
                model.check(&[to], is_list)?;
                let list = model.list(from)?;
                let taken = if *from_left { list.pop_front() } else { list.pop_back() };
                let element = taken.clone().unwrap_or_default();
                let list = model.list(to)?;
                if *to_left {
                    list.push_front(element);
                } else {
                    list.push_back(element);
                }
                model.tidy(from);
                bulk(taken)
            }
            Self::TrimList { key, keep } => {
                let list = model.list(key)?;
                list.drain(..list.len().saturating_sub(*keep));
                model.tidy(key);
                ok()
            }
            other => unreachable!("{other:?} is no command on lists"),
        })
    }

    fn apply_to_set(&self, model: &mut Model) -> Result<Expected, WrongType> {
        let is_set = |data: &Data| matches!(data, Data::Set(_));
        Ok(match self {
            Self::AddMembers { key, members } => {
                let set = model.set(key)?;
                int(members.iter().filter(|member| set.insert((*member).clone())).count())
            }
            Self::RemoveMembers { key, members } => {
                let set = model.set(key)?;
                let removed = members.iter().filter(|member| set.remove(*member)).count();
                model.tidy(key);
                int(removed)
            }
            Self::MoveMember { from, to, member } => {
                // Without a source nobody looks at the destination.
                if !model.keys.contains_key(from) {
                    return Ok(int(0));
                }
                model.check(&[from, to], is_set)?;
                let is_there = model.set(from)?.remove(member);
                if is_there {
                    model.set(to)?.insert(member.clone());
                }
                model.tidy(from);
                int(usize::from(is_there))
            }
            Self::UnionStore { to, from: [one, other] } => {
                model.check(&[one, other], is_set)?;
                let of = |key: &String| match model.keys.get(key).map(|item| &item.data) {
                    Some(Data::Set(set)) => set.clone(),
                    _ => Default::default(),
                };
                let mut union = of(one);
                union.extend(of(other));
                let len = union.len();
                model.put(to, Data::Set(union), None);
                model.tidy(to);
                int(len)
            }
            other => unreachable!("{other:?} is no command on sets"),
        })
    }

    fn apply_to_zset(&self, model: &mut Model) -> Result<Expected, WrongType> {
        Ok(match self {
            Self::AddScored { key, members } => {
                let zset = model.zset(key)?;
                let is_new = |(score, member): &&(i64, Bytes)| zset.insert(member.clone(), *score).is_none();
                int(members.iter().filter(is_new).count())
            }
            Self::IncrementScore { key, by, member } => {
                let score = model.zset(key)?.entry(member.clone()).or_default();
                *score += by;
                bulk(Some(text(score)))
            }
            Self::PopLowest { key } => {
                let zset = model.zset(key)?;
                let lowest = zset.iter().min_by_key(|(member, score)| (**score, (*member).clone()));
                let lowest = lowest.map(|(member, score)| (member.clone(), *score));
                let mut reply = Vec::new();
                if let Some((member, score)) = lowest {
                    zset.remove(&member);
                    reply = vec![Value::Bulk(member), Value::Bulk(text(&score))];
                }
                model.tidy(key);
                Expected::Is(Value::Array(reply))
            }
            other => unreachable!("{other:?} is no command on sorted sets"),
        })
    }

    fn apply_to_stream(&self, model: &mut Model) -> Result<Expected, WrongType> {
        let is_stream = |data: &Data| matches!(data, Data::Stream(_));
        Ok(match self {
            Self::AddEntry { key, id, value } => {
                let stream = model.stream(key)?;
                if *id <= stream.last_id {
                    return Ok(Expected::Error("equal or smaller than the target stream top item"));
                }
                stream.entries.insert(*id, value.clone());
                stream.last_id = *id;
                bulk(Some(format!("{id}-1").into_bytes()))
            }
            Self::DeleteEntry { key, id } => {
                if !model.has(key, is_stream)? {
                    return Ok(int(0));
                }
                int(usize::from(model.stream(key)?.entries.remove(id).is_some()))
            }
            Self::TrimStream { key, keep } => {
                if !model.has(key, is_stream)? {
                    return Ok(int(0));
                }
                let entries = &mut model.stream(key)?.entries;
                let removed = entries.len().saturating_sub(*keep);
                (0..removed).for_each(|_| drop(entries.pop_first()));
                int(removed)
            }
            other => unreachable!("{other:?} is no command on streams"),
        })
    }
}
