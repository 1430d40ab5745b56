//! A plot of time against processes, both on logarithmic scales, as SVG. Colours and greys are such that they can be
//! told from a white and from a black background.

use crate::figures::Figures;
use crate::program::Timing::{self, Later, Whole};
use crate::program::{BPF, LINKS, LSNS, PINNED, PINNED_BPF, PLAIN, WALK};
use crate::table::{label, thousands, time};
use std::fmt::Write;

/// What is drawn; yardsticks in dashes.
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
const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 500.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = WIDTH - 170.0;
const TOP: f64 = 20.0;
const BOTTOM: f64 = HEIGHT - 50.0;
/// What the labels at the ends of the lines keep between them.
const LINE_HEIGHT: f64 = 16.0;

struct Line {
    label: String,
    colour: &'static str,
    dashed: bool,
    /// Processes and milliseconds.
    points: Vec<(f64, f64)>,
}

/// The plot; `None` if there are not at least two numbers of processes.
pub fn draw(all: &[Figures]) -> Option<String> {
    let plain: Vec<&Figures> = all.iter().filter(|figures| figures.population.is_plain()).collect();
    let lines: Vec<Line> =
        LINES.iter().map(|&line| line_of(&plain, line)).filter(|line| line.points.len() > 1).collect();
    let points = || lines.iter().flat_map(|line| &line.points);
    let x = Scale::new(points().map(|point| point.0), LEFT, RIGHT)?;
    let y = Scale::new(points().map(|point| point.1), BOTTOM, TOP)?;

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <title>Time of a scan against the number of processes</title>\n"
    );
    draw_axes(&mut svg, &x, &y);
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

/// Powers of ten, and where they are.
struct Scale {
    decades: (i32, i32),
    from: f64,
    to: f64,
}

impl Scale {
    fn new(values: impl Iterator<Item = f64> + Clone, from: f64, to: f64) -> Option<Scale> {
        let least = values.clone().reduce(f64::min)?.log10().floor() as i32;
        let most = values.reduce(f64::max)?.log10().ceil() as i32;
        Some(Scale { decades: (least, most), from, to })
    }

    fn at(&self, value: f64) -> f64 {
        let (least, most) = self.decades;
        self.from + (self.to - self.from) * (value.log10() - f64::from(least)) / f64::from(most - least)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> + use<> {
        (self.decades.0..=self.decades.1).map(|power| 10f64.powi(power))
    }
}

fn draw_axes(svg: &mut String, x: &Scale, y: &Scale) {
    let mut rule = |x1: f64, y1: f64, x2: f64, y2: f64| {
        writeln!(svg, "<path d=\"M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}\" stroke=\"#808080\" stroke-opacity=\"0.4\"/>")
            .unwrap();
    };
    x.ticks().for_each(|tick| rule(x.at(tick), TOP, x.at(tick), BOTTOM));
    y.ticks().for_each(|tick| rule(LEFT, y.at(tick), RIGHT, y.at(tick)));
    let mut text = |x: f64, y: f64, anchor: &str, text: &str| {
        writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"#808080\">{text}</text>")
            .unwrap();
    };
    x.ticks().for_each(|tick| text(x.at(tick), BOTTOM + 20.0, "middle", &thousands(tick as usize)));
    y.ticks().for_each(|tick| text(LEFT - 8.0, y.at(tick) + 4.0, "end", &short_time(tick)));
    let below = "processes, one in ten of them in a user namespace of its own";
    text((LEFT + RIGHT) / 2.0, HEIGHT - 8.0, "middle", below);
    let (x, y) = (16.0, (TOP + BOTTOM) / 2.0);
    writeln!(
        svg,
        "<text transform=\"translate({x} {y}) rotate(-90)\" text-anchor=\"middle\" fill=\"#808080\">time</text>"
    )
    .unwrap();
}

/// Of a power of ten.
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

/// Each at the end of its line, or a bit below where another one is.
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
