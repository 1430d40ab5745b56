//! A plot of time by number of processes, both on logarithmic scales, as SVG. The colours are legible on white and on
//! black.

use crate::figures::Figures;
use crate::number::{thousands, time};
use crate::program::Timing::{self, Later, Whole};
use crate::program::{BPF, LINKS, LSNS, PINNED, PINNED_BPF, PLAIN, WALK};
use crate::table::label;
use std::fmt::Write;

/// Program, timing, colour, and whether the line is dashed: those of the reference programs are.
const LINES: [(&str, Timing, &str, bool); 8] = [
    (LSNS, Whole, "#d04a5c", false),
    (PINNED, Whole, "#a066d3", false),
    (PINNED_BPF, Whole, "#c2589f", false),
    (PLAIN, Whole, "#3b82d6", false),
    (LINKS, Later, "#3b82d6", true),
    (BPF, Whole, "#1f9a6b", false),
    (BPF, Later, "#b0790a", false),
    (WALK, Later, "#b0790a", true),
];
const GREY: &str = "#808080";
const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 500.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = WIDTH - 190.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = HEIGHT - 50.0;
/// The distance between labels at the ends of the lines.
const LINE_HEIGHT: f64 = 16.0;

struct Line {
    label: String,
    colour: &'static str,
    dashed: bool,
    /// Processes and milliseconds.
    points: Vec<(f64, f64)>,
}

/// The plot; `None` with fewer than two plain populations.
pub fn draw(all: &[Figures]) -> Option<String> {
    let plain: Vec<&Figures> = all.iter().filter(|figures| figures.population.is_plain()).collect();
    let lines: Vec<Line> =
        LINES.iter().map(|&line| line_of(&plain, line)).filter(|line| line.points.len() > 1).collect();
    let points = || lines.iter().flat_map(|line| &line.points);
    let (least, most) = bounds(points().map(|point| point.0))?;
    let x = Scale { least, most, from: LEFT, to: RIGHT };
    let (least, most) = bounds(points().map(|point| point.1.log10()))?;
    let powers: Vec<f64> = (least.floor() as i32..=most.ceil() as i32).map(|power| 10f64.powi(power)).collect();
    let y = Scale { least: powers[0], most: powers[powers.len() - 1], from: BOTTOM, to: TOP };

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <title>Time of a scan by number of processes</title>\n"
    );
    draw_axes(&mut svg, (&x, plain.iter().map(|figures| figures.population.processes)), (&y, powers));
    for line in &lines {
        draw_line(&mut svg, line, &x, &y);
    }
    draw_labels(&mut svg, &lines, &y);
    svg.push_str("</svg>\n");
    Some(svg)
}

fn line_of(all: &[&Figures], (name, timing, colour, dashed): (&'static str, Timing, &'static str, bool)) -> Line {
    let point = |figures: &&Figures| {
        let row = figures.row(name, timing)?;
        Some((figures.population.processes as f64, row.cost().wall))
    };
    Line { label: label((name, timing)), colour, dashed, points: all.iter().filter_map(point).collect() }
}

fn bounds(values: impl Iterator<Item = f64> + Clone) -> Option<(f64, f64)> {
    Some((values.clone().reduce(f64::min)?, values.reduce(f64::max)?))
}

/// A logarithmic scale: maps values to coordinates.
struct Scale {
    least: f64,
    most: f64,
    from: f64,
    to: f64,
}

impl Scale {
    fn at(&self, value: f64) -> f64 {
        self.from + (self.to - self.from) * (value / self.least).ln() / (self.most / self.least).ln()
    }
}

fn draw_axes(svg: &mut String, (x, counts): (&Scale, impl Iterator<Item = usize>), (y, times): (&Scale, Vec<f64>)) {
    for count in counts {
        let at = x.at(count as f64);
        draw_rule(svg, (at, TOP), (at, BOTTOM));
        draw_text(svg, (at, BOTTOM + 20.0), "middle", GREY, &thousands(count));
    }
    for time in times {
        let at = y.at(time);
        draw_rule(svg, (LEFT, at), (RIGHT, at));
        draw_text(svg, (LEFT - 8.0, at + 4.0), "end", GREY, &short_time(time));
    }
    let below = "number of processes; one in ten has a user namespace of its own";
    draw_text(svg, ((LEFT + RIGHT) / 2.0, HEIGHT - 8.0), "middle", GREY, below);
    draw_text(svg, (LEFT - 8.0, TOP - 12.0), "end", GREY, "time");
}

fn draw_rule(svg: &mut String, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    writeln!(svg, "<path d=\"M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}\" stroke=\"{GREY}\" stroke-opacity=\"0.4\"/>").unwrap();
}

fn draw_text(svg: &mut String, (x, y): (f64, f64), anchor: &str, colour: &str, text: &str) {
    writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{text}</text>").unwrap();
}

/// A time that is a power of ten.
fn short_time(milliseconds: f64) -> String {
    let text = time(milliseconds * 1.000_001);
    let (number, unit) = text.split_once(' ').unwrap();
    format!("{:.0} {unit}", number.parse::<f64>().unwrap())
}

fn draw_line(svg: &mut String, line: &Line, x: &Scale, y: &Scale) {
    let Line { colour, dashed, points, .. } = line;
    let path: Vec<String> =
        points.iter().map(|&(count, time)| format!("{:.1} {:.1}", x.at(count), y.at(time))).collect();
    let dashes = if *dashed { " stroke-dasharray=\"6 4\"" } else { "" };
    let path = path.join("L");
    writeln!(svg, "<path d=\"M{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dashes}/>").unwrap();
    for &(count, time) in points {
        writeln!(svg, "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>", x.at(count), y.at(time))
            .unwrap();
    }
}

/// Draws each label at the end of its line, or lower if another label is there.
fn draw_labels(svg: &mut String, lines: &[Line], y: &Scale) {
    let mut ends: Vec<(f64, &Line)> = lines.iter().map(|line| (y.at(line.points.last().unwrap().1), line)).collect();
    ends.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut free = f64::MIN;
    for (at, Line { label, colour, .. }) in ends {
        let at = free.max(at);
        free = at + LINE_HEIGHT;
        writeln!(svg, "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"{colour}\">{label}</text>", RIGHT + 10.0, at + 4.0)
            .unwrap();
    }
}
