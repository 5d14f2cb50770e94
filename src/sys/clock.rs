//! The time of day where this host is. Source: localtime_r(3), tzset(3).

use std::mem::MaybeUninit;

/// A moment as the zone of TZ or of /etc/localtime has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// Year.
    pub year: u64,
    /// Month, from 1.
    pub month: u64,
    /// Day of the month, from 1.
    pub day: u64,
    /// Hour.
    pub hour: u64,
    /// Minute.
    pub minute: u64,
    /// Second; 60 in a leap second.
    pub second: u64,
    /// Minutes that the zone is ahead of UTC.
    pub offset: i64,
}

/// The local time so many seconds after 1970; `None` when the C library has none for it. It reads the zone's file
/// when it is first asked.
pub fn local(seconds: u64) -> Option<Local> {
    let seconds = seconds.try_into().ok()?; // time_t, which has 32 bits on some targets
    let mut space = MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both pointers are to live memory of the types that the function takes.
    let filled = unsafe { libc::localtime_r(&raw const seconds, space.as_mut_ptr()) };
    if filled.is_null() {
        return None;
    }
    // SAFETY: `tm` is integers and a pointer, for which the zeros are valid too; localtime_r has filled it.
    let tm = unsafe { space.assume_init() };
    let number = |value: libc::c_int| u64::try_from(value).unwrap_or_default();
    #[allow(clippy::useless_conversion)] // c_long has 32 bits on some targets
    let offset = i64::from(tm.tm_gmtoff) / 60;
    Some(Local {
        year: number(tm.tm_year) + 1900,
        month: number(tm.tm_mon) + 1,
        day: number(tm.tm_mday),
        hour: number(tm.tm_hour),
        minute: number(tm.tm_min),
        second: number(tm.tm_sec),
        offset,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn as_date_says() {
        for seconds in [0u64, 1_700_000_000, 1_720_000_000, 1_795_491_496] {
            let date =
                Command::new("date").args(["-d", &format!("@{seconds}"), "+%F %T %z"]).output().unwrap();
            let Local { year, month, day, hour, minute, second, offset } = local(seconds).unwrap();
            let sign = if offset < 0 { '-' } else { '+' };
            let (hours, minutes) = (offset.abs() / 60, offset.abs() % 60);
            let ours = format!(
                "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} {sign}{hours:02}{minutes:02}\n"
            );
            assert_eq!(ours, String::from_utf8(date.stdout).unwrap());
        }
    }
}
