"""What on a page is hard to read: text that hardly stands out, and a page that is wider than its window.

Knows WCAG 2.2 (1.4.3, www.w3.org/TR/WCAG22) and how a browser tells colours. Must not know the page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

_FAINT = r"""() => {
  const colour = (text) => {
    const parts = text.match(/[\d.]+/g).map(Number)
    const scale = text.startsWith("color(") ? 255 : 1
    return [...parts.slice(0, 3).map((part) => part * scale), parts.length > 3 ? parts[3] : 1]
  }
  const light = (parts) => {
    const [r, g, b] = parts.slice(0, 3).map((part) => part / 255)
      .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const over = (upper, lower) => [0, 1, 2].map((at) => upper[at] * upper[3] + lower[at] * (1 - upper[3]))
  const above = (node) => node.parentElement || node.getRootNode().host
  const paper = (node) => {
    const layers = []
    for (let at = node; at; at = above(at)) {
      const style = getComputedStyle(at)
      if (style.backgroundImage !== "none") return null
      layers.unshift(colour(style.backgroundColor))
      if (layers[0][3] === 1) break
    }
    return layers.reduce((lower, upper) => over(upper, lower), [255, 255, 255])
  }
  const nodes = []
  const collect = (root) => root.querySelectorAll("*").forEach((node) => {
    nodes.push(node)
    if (node.shadowRoot) collect(node.shadowRoot)
  })
  collect(document)
  const faint = []
  for (const node of nodes) {
    const texts = [...node.childNodes].filter((child) => child.nodeType === 3)
    const words = texts.map((child) => child.data.trim()).join("")
    const style = getComputedStyle(node)
    if (!words || node.closest("svg") || !node.checkVisibility() || !node.getClientRects().length) continue
    const below = paper(node)
    const ink = colour(style.color)
    if (!below || ink[3] === 0) continue
    const pair = [light(over(ink, below)), light(below)].sort((a, b) => b - a)
    const contrast = (pair[0] + 0.05) / (pair[1] + 0.05)
    if (contrast < 4.5) faint.push(`${words.slice(0, 40)}: ${contrast.toFixed(2)}`)
  }
  return [...new Set(faint)]
}"""


_BROKEN = r"""(longest) => {
  const broken = []
  document.querySelectorAll("td, th, li, dd, .card *").forEach((node) => node.childNodes.forEach((child) => {
    if (child.nodeType !== 3) return
    for (const word of child.data.matchAll(/\S+/g)) {
      if (word[0].length > longest) continue
      const range = document.createRange()
      range.setStart(child, word.index)
      range.setEnd(child, word.index + word[0].length)
      if (new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size > 1) broken.push(word[0])
    }
  }))
  return broken
}"""
_CUT_OFF = r"""() => {
  const scrolls = (node) => {
    for (let at = node; at; at = at.parentElement) {
      if (["auto", "scroll"].includes(getComputedStyle(at).overflowX)) return true
    }
    return false
  }
  const ends = (child) => {
    const range = document.createRange()
    range.selectNodeContents(child)
    return Math.max(...[...range.getClientRects()].map((box) => box.right))
  }
  const texts = []
  document.querySelectorAll("body *").forEach((node) => node.childNodes.forEach((child) => {
    if (child.nodeType !== 3 || !child.data.trim() || node.tagName === "STYLE" || scrolls(node)) return
    if (ends(child) > innerWidth + 1) texts.push(child.data.slice(0, 40))
  }))
  return texts
}"""


def broken_words(page: Page, longest: int = 40) -> list[str]:
    """Return the words of at most `longest` characters that are drawn on more than one line."""
    words: list[str] = page.evaluate(_BROKEN, longest)
    return words


def cut_off(page: Page) -> list[str]:
    """Return the beginnings of texts that end beyond the window, where nothing can be scrolled to see the rest."""
    texts: list[str] = page.evaluate(_CUT_OFF)
    return texts


def faint_texts(page: Page) -> list[str]:
    """Return the texts whose contrast with what is behind them is below 4.5 to 1, each with it."""
    texts: list[str] = page.evaluate(_FAINT)
    return texts


def is_wider_than_window(page: Page) -> bool:
    """Tell whether the page as a whole is to be scrolled sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))
