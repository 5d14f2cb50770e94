//! How rules become others while as few as possible are touched. The kernel takes the first rule of a
//! list that matches (kernel/auditsc.c, audit_filter_rules: prio), and adds rules at the head and at the end alone:
//! a rule between two others is put at an end where no rule that it goes past can make a difference.

use crate::wire::rule::{Action, Field, List, Op, Rule, Value, field};

/// What becomes of a rule that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// It is in the kernel, and stays where it is.
    Stay,
    /// It is put at the head of its list.
    Head,
    /// It is put at the end.
    Tail,
}

/// Places rules. `old` has for each rule that is wanted its position among those that are there, if it is
/// there; `commute` says whether two of the wanted may stand in either order.
///
/// The longest run that is there already stays. Of what comes before it all that can't stay goes to the head, of what
/// comes after it to the end; what is there stays where it may stand in either order with those that have moved past.
pub(super) fn place(old: &[Option<usize>], commute: &dyn Fn(usize, usize) -> bool) -> Vec<Move> {
    let (start, end) = longest_run(old);
    let mut moves = vec![Move::Stay; old.len()];
    let mut stay: Vec<usize> = (start..end).collect();
    for (way, rest) in [(Move::Tail, end..old.len()), (Move::Head, 0..start)] {
        let mut moved: Vec<usize> = Vec::new();
        for step in 0..rest.len() {
            let at = if way == Move::Tail { rest.start + step } else { rest.end - 1 - step };
            let position = old.get(at).copied().flatten();
            // All that stays so far is on the other side of it, and so is what was moved in this pass.
            let goes_past = |other: &usize| {
                let other = old.get(*other).copied().flatten();
                if way == Move::Tail { position < other } else { position > other }
            };
            let commutes = |other: &usize| commute(*other, at);
            if position.is_some()
                && moved.iter().all(commutes)
                && stay.iter().filter(|other| goes_past(other)).all(commutes)
            {
                stay.push(at);
            } else {
                moved.push(at);
                if let Some(its) = moves.get_mut(at) {
                    *its = way;
                }
            }
        }
    }
    moves
}

/// The longest run of rules that are there one after the other.
fn longest_run(old: &[Option<usize>]) -> (usize, usize) {
    let (mut best, mut start) = ((0, 0), 0);
    let mut last = None;
    for (at, position) in old.iter().enumerate() {
        if position.is_none() || *position <= last {
            start = if position.is_some() { at } else { at + 1 };
        }
        last = *position;
        if at + 1 - start > best.1 - best.0 {
            best = (start, at + 1);
        }
    }
    best
}

/// Whether two rules mean the same in either order: they are of two lists, what they say of an event is the same, or
/// no event can match both. False where that can't be told.
pub(super) fn commute(one: &Rule, other: &Rule) -> bool {
    let says_the_same = one.action == other.action && (one.action == Action::NEVER || key(one) == key(other));
    let contradicts = |a: &Field| other.fields.iter().any(|b| contradict(a, b));
    one.list != other.list || says_the_same || calls_differ(one, other) || one.fields.iter().any(contradicts)
}

fn key(rule: &Rule) -> Option<&Value> {
    rule.fields.iter().find(|field| field.number == field::FILTERKEY).map(|field| &field.value)
}

/// Whether no system call is in both masks, on the lists that look at them.
fn calls_differ(one: &Rule, other: &Rule) -> bool {
    matches!(one.list, List::EXIT | List::IO_URING)
        && one.mask.0.iter().zip(&other.mask.0).all(|(a, b)| a & b == 0)
}

/// Whether no event fulfils both: they want different values of what an event has once. A group is not: the kernel
/// looks at all groups of a process. Nor is what is said of files, of which an event can have several.
fn contradict(one: &Field, other: &Field) -> bool {
    let is_single = matches!(
        one.number,
        field::PID
            | field::UID
            | field::EUID
            | field::SUID
            | field::FSUID
            | field::LOGINUID
            | field::PERS
            | field::ARCH
            | field::MSGTYPE
            | field::PPID
            | field::SESSIONID
            | field::EXIT
            | field::SADDR_FAM
            | field::ARG0..=field::ARG3
    );
    let (Value::Number(a), Value::Number(b)) = (&one.value, &other.value) else { return false };
    one.number == other.number && (one.op, other.op) == (Op::EQUAL, Op::EQUAL) && is_single && a != b
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::rule::Mask;
    use proptest::prelude::*;

    /// What the kernel is asked: the event's fields and its system call.
    type Event = ([(u32, u32); 4], u32);

    fn matches(rule: &Rule, (facts, call): &Event) -> bool {
        let holds = |field: &Field| {
            let Value::Number(value) = field.value else { return true };
            let Some((_, fact)) = facts.iter().find(|(number, _)| *number == field.number) else {
                return true;
            };
            match field.op {
                Op::EQUAL => *fact == value,
                Op::NOT_EQUAL => *fact != value,
                _ => *fact >= value,
            }
        };
        rule.mask.has(*call) && rule.fields.iter().all(holds)
    }

    /// What the first rule that matches says.
    fn said<'a>(rules: &[&'a Rule], event: &Event) -> Option<(Action, Option<&'a Value>)> {
        let first = rules.iter().find(|rule| matches(rule, event))?;
        Some((first.action, key(first).filter(|_| first.action != Action::NEVER)))
    }

    fn events() -> Vec<Event> {
        let mut events = Vec::new();
        for bits in 0..32 {
            let bit = |n: u32| (bits >> n) & 1;
            let facts =
                [(field::PID, bit(0)), (field::ARCH, bit(1)), (field::EXIT, bit(2)), (field::INODE, bit(3))];
            events.push((facts, bit(4)));
        }
        events
    }

    fn any_rule() -> impl Strategy<Value = Rule> {
        let number = proptest::sample::select(vec![field::PID, field::ARCH, field::EXIT, field::INODE]);
        let op = proptest::sample::select(vec![
            Op::EQUAL,
            Op::EQUAL,
            Op::EQUAL,
            Op::NOT_EQUAL,
            Op::GREATER_OR_EQUAL,
        ]);
        let fields = proptest::collection::vec((number, op, 0..2_u32), 0..3);
        (any::<bool>(), 1..4_u32, fields, 0..3_u8).prop_map(|(never, calls, fields, key)| {
            let mut mask = Mask::EMPTY;
            mask.0[0] = calls;
            let number = |(number, op, value)| Field { number, op, value: Value::Number(value) };
            let mut fields: Vec<Field> = fields.into_iter().map(number).collect();
            if key > 0 {
                fields.push(Field { number: field::FILTERKEY, op: Op::EQUAL, value: Value::Text(vec![key]) });
            }
            let action = if never { Action::NEVER } else { Action::ALWAYS };
            Rule { list: List::EXIT, prepend: false, action, mask, fields }
        })
    }

    /// The order of the list when all has been done.
    fn done(old: &[Option<usize>], moves: &[Move]) -> Vec<usize> {
        let of = |way: Move| (0..old.len()).filter(move |&at| moves[at] == way);
        let mut stay: Vec<usize> = of(Move::Stay).collect();
        stay.sort_by_key(|&at| old[at].unwrap());
        of(Move::Head).chain(stay).chain(of(Move::Tail)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn rules_that_commute_say_the_same_in_either_order(one in any_rule(), other in any_rule()) {
            if commute(&one, &other) {
                for event in events() {
                    prop_assert_eq!(said(&[&one, &other], &event), said(&[&other, &one], &event), "{:?}", event);
                }
            }
            prop_assert_eq!(commute(&one, &other), commute(&other, &one));
        }

        /// The list as it ends says of every event what the list as it was wanted says.
        #[test]
        fn a_list_ends_as_it_is_wanted(
            rules in proptest::collection::vec(any_rule(), 1..10),
            places in proptest::collection::vec(proptest::option::of(any::<u16>()), 10),
            is_nearly_there in any::<bool>(),
        ) {
            // Which are there, and in which order: any, or the wanted one but for a few.
            let mut order: Vec<usize> = (0..rules.len()).filter(|&at| places[at].is_some()).collect();
            if !is_nearly_there {
                order.sort_by_key(|&at| places[at]);
            }
            let old: Vec<Option<usize>> =
                (0..rules.len()).map(|at| order.iter().position(|&other| other == at)).collect();
            let moves = place(&old, &|one, other| commute(&rules[one], &rules[other]));
            for (at, way) in moves.iter().enumerate() {
                prop_assert!(*way != Move::Stay || old[at].is_some());
            }
            let done = done(&old, &moves);
            let wanted: Vec<&Rule> = rules.iter().collect();
            let ended: Vec<&Rule> = done.iter().map(|&at| &rules[at]).collect();
            for event in events() {
                prop_assert_eq!(said(&wanted, &event), said(&ended, &event), "{:?} {:?}", event, done);
            }
        }
    }

    fn moves(old: &[Option<usize>], commute: bool) -> String {
        let letter = |way: &Move| match way {
            Move::Stay => 's',
            Move::Head => 'h',
            Move::Tail => 't',
        };
        place(old, &|_, _| commute).iter().map(letter).collect()
    }

    #[test]
    fn as_few_as_can_be_are_touched() {
        let (n, all) = (None, |count: usize| (0..count).map(Some).collect::<Vec<_>>());
        assert_eq!(moves(&[], false), "");
        assert_eq!(moves(&all(4), false), "ssss");
        assert_eq!(moves(&[n, n], false), "tt", "the first load");
        assert_eq!(moves(&[n, Some(0), Some(1), n], false), "hsst");
        // One is replaced in the middle: the shorter side is put again, unless it may stand in any order.
        assert_eq!(moves(&[Some(0), n, Some(2), Some(3), Some(4)], false), "hhsss");
        assert_eq!(moves(&[Some(0), n, Some(2), Some(3), Some(4)], true), "shsss");
        assert_eq!(moves(&[Some(0), Some(1), Some(2), n, Some(4)], true), "sssts");
        // Two have changed places.
        assert_eq!(moves(&[Some(0), Some(2), Some(1), Some(3)], false), "sstt");
        assert_eq!(moves(&[Some(0), Some(2), Some(1), Some(3)], true), "ssss");
        assert_eq!(moves(&[Some(3), Some(0), Some(1), Some(2)], false), "hsss");
    }
}
