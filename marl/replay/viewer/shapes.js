// Shapes of units: paths in a space where the unit's radius is 1 and it faces east (+x).

const polygon = (...points) => (c) => {
  c.beginPath();
  points.forEach(([x, y], k) => (k ? c.lineTo(x, y) : c.moveTo(x, y)));
  c.closePath();
};
const circle = (radius, x = 0, y = 0) => (c) => {
  c.beginPath();
  c.arc(x, y, radius, 0, 2 * Math.PI);
};
const lines = (...segments) => (c) => {
  c.beginPath();
  for (const [x0, y0, x1, y1] of segments) {
    c.moveTo(x0, y0);
    c.lineTo(x1, y1);
  }
};
const mirrored = (...segments) =>
  lines(...segments, ...segments.map(([a, b, c, d]) => [a, -b, c, -d]));

// limbs: strokes below the body; body: filled and outlined; mark: filled on top of it.
const SHAPES = {
  Marine: {
    limbs: lines([0.2, -0.45, 1.25, -0.45]),
    body: polygon([0.55, -0.75], [0.8, 0], [0.55, 0.75], [-0.5, 0.85], [-0.85, 0], [-0.5, -0.85]),
    mark: circle(0.32, 0.05, 0),
  },
  Marauder: {
    limbs: mirrored([0.1, 0.7, 1.1, 0.6]),
    body: polygon([0.7, -0.55], [0.7, 0.55], [0.1, 1], [-0.8, 0.8], [-0.8, -0.8], [0.1, -1]),
    mark: circle(0.3, 0.2, 0),
  },
  Medivac: {
    limbs: mirrored([-0.1, 0.2, -0.5, 1]),
    body: polygon([1, 0], [0.5, 0.42], [-0.7, 0.42], [-1, 0.25], [-1, -0.25], [-0.7, -0.42], [0.5, -0.42]),
    mark: polygon([-0.1, -0.28], [0.1, -0.28], [0.1, -0.1], [0.28, -0.1], [0.28, 0.1], [0.1, 0.1],
      [0.1, 0.28], [-0.1, 0.28], [-0.1, 0.1], [-0.28, 0.1], [-0.28, -0.1], [-0.1, -0.1]),
  },
  Stalker: {
    limbs: mirrored([0.1, 0.25, 0.85, 0.9], [-0.2, 0.25, -0.85, 0.9]),
    body: polygon([0.75, 0], [0.15, 0.5], [-0.6, 0.38], [-0.75, 0], [-0.6, -0.38], [0.15, -0.5]),
    mark: circle(0.22, 0.28, 0),
  },
  Zealot: {
    limbs: mirrored([0.1, 0.8, 1.2, 0.55]),
    body: polygon([0.55, 0], [0.2, 0.9], [-0.45, 0.75], [-0.65, 0], [-0.45, -0.75], [0.2, -0.9]),
    mark: circle(0.3, -0.05, 0),
  },
  Colossus: {
    limbs: mirrored([0.3, 0.3, 1, 1], [-0.3, 0.3, -1, 1]),
    body: polygon([0.95, -0.16], [0.95, 0.16], [0.3, 0.5], [-0.55, 0.5], [-0.85, 0.2], [-0.85, -0.2],
      [-0.55, -0.5], [0.3, -0.5]),
    mark: circle(0.2, 0.5, 0),
  },
  Zergling: {
    limbs: mirrored([0.1, 0.4, 1, 0.75], [-0.3, 0.3, -0.8, 0.9]),
    body: polygon([0.85, 0], [0.1, 0.5], [-0.9, 0.12], [-0.9, -0.12], [0.1, -0.5]),
    mark: circle(0.2, 0.35, 0),
  },
  Hydralisk: {
    limbs: mirrored([0.2, 0.6, 1.05, 0.45]),
    body: polygon([0.7, 0], [0.4, 0.65], [-0.1, 0.75], [-0.35, 0.3], [-1.1, 0], [-0.35, -0.3],
      [-0.1, -0.75], [0.4, -0.65]),
    mark: circle(0.26, 0.3, 0),
  },
  Baneling: { limbs: mirrored([-0.2, 0.8, 0.3, 1.1]), body: circle(0.92), mark: circle(0.42, 0.25, 0) },
  SpineCrawler: {
    limbs: lines([0, 0, 1.15, 0]),
    body: polygon([0.7, 0.7], [0, 0.95], [-0.7, 0.7], [-0.95, 0], [-0.7, -0.7], [0, -0.95], [0.7, -0.7],
      [0.95, 0]),
    mark: circle(0.4),
  },
};
const ANY_SHAPE = {
  limbs: lines(),
  body: polygon([1, 0], [-0.7, 0.8], [-0.35, 0], [-0.7, -0.8]),
  mark: circle(0.2),
};

// Draws a unit at (0, 0) with a radius of `size` pixels.
function drawShape(c, name, size, angle, colours) {
  const shape = SHAPES[name] || ANY_SHAPE;
  c.save();
  c.rotate(-angle);
  c.scale(size, size);
  c.lineJoin = c.lineCap = "round";
  c.lineWidth = 0.2;
  c.strokeStyle = colours.limb;
  shape.limbs(c);
  c.stroke();
  c.strokeStyle = colours.edge;
  shape.body(c);
  c.fillStyle = colours.fill;
  c.fill();
  c.lineWidth = 0.1;
  c.stroke();
  shape.mark(c);
  c.fillStyle = colours.mark;
  c.fill();
  c.restore();
}
