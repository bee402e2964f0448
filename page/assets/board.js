// Draws what the page's markup says. A click on a link goes to that place without loading the page anew; the cells of
// the grid's rows are made when a row comes into sight.
export default function (component) {
  const { data, parentElement, setTriggerValue } = component
  if (isInAnotherSite()) return leave()
  const root = parentElement.querySelector(".board")
  const background = getComputedStyle(root).getPropertyValue("--st-background-color")
  root.classList.toggle("dark", isDark(background))
  if (root.shown === data.html) return () => {}
  const before = remembered(root)
  root.innerHTML = data.html
  root.shown = data.html
  root.querySelectorAll(".grid").forEach((grid) => prepare(grid))
  restore(root, before)

  root.onclick = (event) => {
    const link = event.composedPath().find((node) => node.tagName === "A" && node.getAttribute("href"))
    const cell = event.target.closest ? event.target.closest(".grid .row > b") : null
    const query = link ? link.getAttribute("href") : cell ? cellQuery(cell) : null
    if (!query || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return
    event.preventDefault()
    setTriggerValue("to", query)
  }
  root.onkeydown = (event) => {
    const grid = event.target.closest ? event.target.closest(".grid") : null
    if (!grid || event.target !== grid) return
    const query = moved(grid, event, root)
    if (query) setTriggerValue("to", query)
  }
  root.onmouseover = (event) => {
    const cell = event.target.closest ? event.target.closest(".grid .row > b") : null
    if (cell && !cell.title) cell.title = cellWords(cell)
  }
  return () => {}
}

// A site could show the page in a frame of its own, and have a visitor press buttons that he takes for its own.
function isInAnotherSite() {
  try {
    return window.top !== window.self && window.top.location.origin !== window.location.origin
  } catch {
    return true
  }
}

function leave() {
  document.body.textContent = `This page is not shown within another site. Open it in a tab of its own: ${location.href}`
  return () => {}
}

function isDark(colour) {
  const numbers = colour.trim().startsWith("#")
    ? [1, 3, 5].map((at) => parseInt(colour.trim().slice(at, at + 2), 16))
    : (colour.match(/[\d.]+/g) || [255, 255, 255]).slice(0, 3).map(Number)
  return numbers[0] * 0.3 + numbers[1] * 0.6 + numbers[2] * 0.1 < 128
}

// What a person would lose when the content is drawn anew: how far things are scrolled, and the cell that is chosen.
function remembered(root) {
  const scrolls = [...root.querySelectorAll(".grid, .log, .strip, .course, .picture, .wide")]
  const grid = root.querySelector(".grid")
  return {
    scrolls: scrolls.map((node) => [node.scrollLeft, node.scrollTop, atEnd(node)]),
    chosen: grid && grid.chosen,
    focused: !!grid && root.getRootNode().activeElement === grid,
  }
}

function atEnd(node) {
  return node.scrollHeight - node.scrollTop - node.clientHeight < 4
}

function restore(root, before) {
  const nodes = [...root.querySelectorAll(".grid, .log, .strip, .course, .picture, .wide")]
  nodes.forEach((node, place) => {
    const old = before.scrolls[place]
    const newestRight = node.matches(".grid, .strip, .course")
    node.scrollLeft = old && old[0] ? old[0] : newestRight ? node.scrollWidth : 0
    node.scrollTop = node.matches("[data-tail]") && (!old || old[2]) ? node.scrollHeight : old ? old[1] : 0
  })
  const grid = root.querySelector(".grid")
  if (grid && before.chosen) choose(grid, before.chosen[0], before.chosen[1], root)
  if (grid && before.focused) grid.focus({ preventScroll: true })
}

function prepare(grid) {
  grid.runs = JSON.parse(grid.dataset.runs)
  grid.looks = JSON.parse(grid.dataset.looks)
  grid.rows = [...grid.querySelectorAll(".row")]
  const seen = new IntersectionObserver(
    (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
      fill(grid, entry.target)
      seen.unobserve(entry.target)
    }),
    { root: grid, rootMargin: "400px 2000px" },
  )
  grid.rows.forEach((row) => seen.observe(row))
}

function fill(grid, row) {
  if (row.children.length > 1) return
  const cells = document.createDocumentFragment()
  for (const letter of row.dataset.cells) {
    const [tone, sign] = grid.looks[letter.toLowerCase()]
    const cell = document.createElement("b")
    cell.className = `c ${tone}${letter !== letter.toLowerCase() ? " again" : ""}`
    cell.textContent = sign
    cells.append(cell)
  }
  row.append(cells)
}

function place(cell) {
  const row = cell.closest(".row")
  return [row, [...row.children].indexOf(cell) - 1]
}

function cellWords(cell) {
  const [row, at] = place(cell)
  return words(row.closest(".grid"), row, at)
}

function words(grid, row, at) {
  const letter = row.dataset.cells[at]
  const again = letter !== letter.toLowerCase() ? ", after more than one attempt" : ""
  return `${row.dataset.job}: ${grid.looks[letter.toLowerCase()][2]}${again}\n${grid.runs[at].label}`
}

function cellQuery(cell) {
  const [row, at] = place(cell)
  return query(row.closest(".grid"), row, at)
}

function query(grid, row, at) {
  if (row.dataset.cells[at] === "-") return null
  const parts = { view: "attempt", graph: grid.dataset.graph, run: grid.runs[at].id, job: row.dataset.job }
  return "?" + new URLSearchParams(parts)
}

const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], PageUp: [-10, 0], PageDown: [10, 0] }

function moved(grid, event, root) {
  const [row, column] = grid.chosen || [0, grid.runs.length - 1]
  if (event.key === "Enter") {
    event.preventDefault()
    return grid.rows.length ? query(grid, grid.rows[row], column) : null
  }
  const step = event.key === "Home" ? [0, -column] : event.key === "End" ? [0, grid.runs.length] : STEPS[event.key]
  if (!step || !grid.rows.length) return null
  event.preventDefault()
  const next = grid.chosen ? [row + step[0], column + step[1]] : [row, column]
  choose(grid, Math.max(0, Math.min(grid.rows.length - 1, next[0])), Math.max(0, Math.min(grid.runs.length - 1, next[1])), root)
  return null
}

function choose(grid, row, column, root) {
  if (row >= grid.rows.length || column >= grid.runs.length) return
  grid.querySelectorAll(".chosen").forEach((node) => node.classList.remove("chosen"))
  grid.chosen = [row, column]
  fill(grid, grid.rows[row])
  const cell = grid.rows[row].children[column + 1]
  cell.classList.add("chosen")
  cell.scrollIntoView({ block: "nearest", inline: "nearest" })
  const told = root.querySelector(".told")
  if (told) told.textContent = words(grid, grid.rows[row], column)
}
