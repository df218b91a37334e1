// The camera and the pointer on the battlefield: fit, follow, zoom, drag, hover, click.

const FOLLOW_LOOPS = 80; // over which the camera's view is averaged
const MIN_WIDTH = 12; // of the view, grid units

class View {
  constructor(canvas, film, options) {
    Object.assign(this, { canvas, film, options });
    this.context = canvas.getContext("2d");
    this.selected = -1;
    this.hovered = -1;
    this.view = null; // centre x, y in grid units, and pixels per grid unit
    this.ground = document.createElement("canvas");
    this.listen();
  }

  resize() {
    const { clientWidth, clientHeight } = this.canvas;
    this.ratio = window.devicePixelRatio || 1;
    this.width = clientWidth;
    this.height = clientHeight;
    this.canvas.width = Math.round(clientWidth * this.ratio);
    this.canvas.height = Math.round(clientHeight * this.ratio);
    if (!this.view) this.fit();
  }

  // Show all places of all units in the film.
  fit() {
    const { film } = this;
    const whole = [0, film.columns, 0, film.rows];
    this.look(film.boxes.reduce((all, box) => (all ? united(all, box) : box), null) || whole);
  }

  // Show the rectangle [west, east, south, north].
  look([west, east, south, north]) {
    const scale = Math.min(this.width / (east - west), this.height / (north - south), 72);
    this.view = { x: (west + east) / 2, y: (south + north) / 2, scale };
  }

  // Show the living units, moving slowly.
  follow(loop) {
    const { film } = this;
    if (!film.frames) return;
    const from = film.at(loop - FOLLOW_LOOPS / 2);
    const first = from.frame + from.share;
    const to = film.at(loop + FOLLOW_LOOPS / 2);
    const last = to.frame + to.share;
    const mean = film.meanBox(first, Math.max(last, first));
    let [west, east, south, north] = united(mean, film.boxes[film.at(loop).frame]);
    const lack = [MIN_WIDTH - (east - west), MIN_WIDTH - (north - south)].map((v) => Math.max(v, 0) / 2);
    this.look([west - lack[0], east + lack[0], south - lack[1], north + lack[1]]);
  }

  screen(x, y) {
    const { view } = this;
    return [(x - view.x) * view.scale + this.width / 2, (view.y - y) * view.scale + this.height / 2];
  }

  map(px, py) {
    const { view } = this;
    return [(px - this.width / 2) / view.scale + view.x, view.y - (py - this.height / 2) / view.scale];
  }

  listen() {
    const { canvas } = this;
    let drag = null;
    const position = (event) => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    canvas.addEventListener("pointerdown", (event) => {
      drag = { from: position(event), view: { ...this.view }, far: false };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      const [px, py] = position(event);
      if (drag) {
        const [dx, dy] = [px - drag.from[0], py - drag.from[1]];
        drag.far = drag.far || Math.hypot(dx, dy) > 4;
        if (drag.far) {
          this.view.x = drag.view.x - dx / this.view.scale;
          this.view.y = drag.view.y + dy / this.view.scale;
          this.options.unfollow();
        }
      } else this.hovered = this.unitAt(px, py);
      canvas.style.cursor = drag && drag.far ? "grabbing" : this.hovered >= 0 ? "pointer" : "grab";
      this.options.changed();
    });
    canvas.addEventListener("pointerup", (event) => {
      if (drag && !drag.far) this.options.select(this.unitAt(...position(event)));
      drag = null;
    });
    canvas.addEventListener("pointercancel", () => { drag = null; });
    canvas.addEventListener("pointerleave", () => {
      this.hovered = -1;
      this.options.changed();
    });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * 0.0015), ...position(event));
    }, { passive: false });
    canvas.addEventListener("dblclick", () => this.options.fit());
  }

  zoom(factor, px = this.width / 2, py = this.height / 2) {
    const [x, y] = this.map(px, py);
    const scale = Math.min(Math.max(this.view.scale * factor, 4), 160);
    const kept = this.view.scale / scale;
    this.view = { x: x + (this.view.x - x) * kept, y: y + (this.view.y - y) * kept, scale };
    this.options.unfollow();
    this.options.changed();
  }

  // The living unit at a point of the canvas; flyers come first.
  unitAt(px, py) {
    const moment = this.film.at(this.options.loop());
    let best = -1;
    let least = Infinity;
    for (let i = 0; i < this.film.units; i++) {
      if (!this.film.alive(moment.frame, i)) continue;
      const { x, y } = this.film.place(moment, i);
      const [ux, uy] = this.screen(x, y);
      const reach = Math.max(this.film.type(i).radius * this.view.scale, 9) + 3;
      const gap = Math.hypot(px - ux, py - uy) - (this.film.type(i).flies ? 3 : 0);
      if (gap < reach && gap < least) [best, least] = [i, gap];
    }
    return best;
  }
}

const united = (a, b) => [Math.min(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.max(a[3], b[3])];
