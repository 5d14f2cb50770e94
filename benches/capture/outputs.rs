//! What outputs cost: CPU per event of one file, of four outputs at once, of a file that is synced, of syslog and of
//! GELF, beside the null receiver; and what comes to the device.

use crate::kernel::Kernel;
use crate::measure::{self, median};
use crate::receivers::{Kind, Receiver};
use crate::{CPU_LOAD, ROUNDS, Result, load};
use std::path::Path;

/// One round's figures for each event.
#[derive(Default)]
struct Figures {
    /// Microseconds.
    cpu: Vec<f64>,
    /// System calls that write, wake-ups of threads among them.
    calls: Vec<f64>,
    /// Bytes of pages that became dirty, so that they go to the device.
    device: Vec<f64>,
}

pub(crate) fn bench(kernel: &mut Kernel, binary: &Path) -> Result<()> {
    let (rate, events) = CPU_LOAD;
    println!("\noutputs, {events} events at {rate} a second, {ROUNDS} rounds in turn, for each event");
    let kinds =
        [Kind::Null, Kind::Json, Kind::Four, Kind::Synced, Kind::EachSynced, Kind::Syslog, Kind::Gelf];
    let mut figures: [Figures; 7] = Default::default();
    for _ in 0..ROUNDS {
        for (kind, figures) in kinds.into_iter().zip(&mut figures) {
            let mut receiver = Receiver::start(kind, binary, kernel)?;
            let (cpu, io) = (receiver.cpu()?, measure::io(receiver.pid())?);
            load::events(rate, events, 1)?;
            kernel.settle()?;
            receiver.settle()?;
            let per_event = |figure: f64| figure / f64::from(events);
            figures.cpu.push(per_event((receiver.cpu()? - cpu).as_secs_f64() * 1e6));
            let after = measure::io(receiver.pid())?;
            figures.calls.push(per_event(after.0 - io.0));
            figures.device.push(per_event(after.1 - io.1));
            let taken = receiver.stop(events)?;
            if taken != events {
                println!("  {kind}: {taken} of {events} events");
            }
        }
    }
    for (kind, figures) in kinds.iter().zip(&mut figures) {
        println!(
            "  {kind:<16} {:7.2} us CPU   {:6.4} write calls   {:5.0} bytes to the device   {:.2?}",
            median(&mut figures.cpu.clone()),
            median(&mut figures.calls),
            median(&mut figures.device),
            figures.cpu
        );
    }
    let [null, one, four, _, _, syslog, gelf] = &mut figures;
    let null = median(&mut null.cpu);
    println!("  syslog / null receiver   {:5.2}   (at most 3.0)", median(&mut syslog.cpu) / null);
    println!("  GELF / null receiver     {:5.2}   (at most 3.0)", median(&mut gelf.cpu) / null);
    println!(
        "  four outputs / one file  {:5.2}   (at most 2.0)",
        median(&mut four.cpu) / median(&mut one.cpu)
    );
    Ok(())
}
