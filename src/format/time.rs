//! An event's time as RFC 3339 has it, in UTC, with the kernel's own milliseconds:
//! `2026-11-24T03:38:16.969Z`. Source: RFC 3339, section 5.6.

/// `YYYY-MM-DDTHH:MM:SS.mmmZ`
const LEN: usize = 24;
/// The last moment that has a year of four digits: 9999-12-31T23:59:59.999Z.
const LAST: u64 = 253_402_300_799_999;
const DAY: u64 = 86_400;

/// The text of the last time asked for: its date and time are made anew once a second.
pub struct Rfc3339 {
    second: u64,
    text: [u8; LEN],
}

impl Default for Rfc3339 {
    fn default() -> Self {
        Self { second: 0, text: *b"1970-01-01T00:00:00.000Z" }
    }
}

impl Rfc3339 {
    /// The time so many milliseconds after 1970; a later one than there is text for is the last one.
    pub fn of(&mut self, millis: u64) -> &[u8] {
        let millis = millis.min(LAST);
        let second = millis / 1000;
        if second != self.second {
            self.second = second;
            let (year, month, day) = date(second / DAY);
            let of_day = second % DAY;
            self.put(0, 4, year);
            self.put(5, 2, month);
            self.put(8, 2, day);
            self.put(11, 2, of_day / 3600);
            self.put(14, 2, of_day / 60 % 60);
            self.put(17, 2, of_day % 60);
        }
        self.put(20, 3, millis % 1000);
        &self.text
    }

    fn put(&mut self, at: usize, digits: usize, mut number: u64) {
        for place in self.text.iter_mut().skip(at).take(digits).rev() {
            *place = b'0' + (number % 10) as u8;
            number /= 10;
        }
    }
}

/// Year, month and day of a day since 1970, in the Gregorian calendar.
fn date(days: u64) -> (u64, u64, u64) {
    // The calendar repeats every 400 years of 146,097 days. Years are counted from March, so that a leap
    // day is a year's last; 719,468 days lie between March of year 0 and 1970.
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_date_prints_them() {
        // date -u -d @SECONDS +%FT%TZ
        let cases = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_001, "2000-02-29T00:00:00.001Z"),
            (1_709_208_000_120, "2024-02-29T12:00:00.120Z"),
            (1_795_491_496_969, "2026-11-24T03:38:16.969Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (LAST, "9999-12-31T23:59:59.999Z"),
            (u64::MAX, "9999-12-31T23:59:59.999Z"),
        ];
        let mut time = Rfc3339::default();
        for (millis, text) in cases {
            assert_eq!(time.of(millis), text.as_bytes());
            assert_eq!(time.of(millis), text.as_bytes(), "again");
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut last = (1969, 12, 31);
        for day in 0..80_000 {
            let (y, m, d) = date(day);
            let next = (y, m, d) == (last.0, last.1, last.2 + 1)
                || (d == 1 && (y, m) == (last.0, last.1 + 1))
                || (d == 1 && m == 1 && y == last.0 + 1 && last.1 == 12);
            assert!(next && (1..=12).contains(&m) && (1..=31).contains(&d), "{last:?} {y}-{m}-{d}");
            last = (y, m, d);
        }
    }
}
