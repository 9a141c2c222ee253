#include "apps/report/page_assets.h"

namespace sluice::report {

// Written without '<' and '&', so that a page stays well-formed XML. The `for` loops over columns
// are written with array methods for the same reason.
const std::string_view page_script = R"js(
'use strict';
document.querySelectorAll('.timeline[data-source]').forEach(function (timeline) {
  var data = JSON.parse(document.getElementById(timeline.dataset.source).textContent);
  if (!data.time.length) return;
  var cursor = timeline.querySelector('.cursor');
  var readout = timeline.querySelector('.readout');
  var column = 0;

  function piece(text) {
    var span = document.createElement('span');
    span.textContent = text;
    return span;
  }

  function show(event) {
    var area = event.target.closest('.area');
    if (!area) return;
    var box = area.getBoundingClientRect();
    var share = Math.min(0.999999, Math.max(0, (event.clientX - box.left) / box.width));
    column = Math.floor(share * data.time.length);
    cursor.style.left = (event.clientX - timeline.getBoundingClientRect().left) + 'px';
    var parts = [piece(data.time[column])];
    var segment = data.segment ? data.segment[column] : -1;
    if (segment >= 0) parts.push(piece('segment ' + (segment + 1)));
    data.series.forEach(function (series) {
      var value = series.values[column];
      if (value !== null) parts.push(piece(series.name + ' ' + value + (series.unit || '')));
    });
    var picture = document.querySelector('#' + timeline.dataset.source + '-segment-' + segment + ' img');
    if (picture) {
      var copy = document.createElement('img');
      copy.src = picture.src;
      copy.alt = '';
      parts.unshift(copy);
    }
    readout.replaceChildren.apply(readout, parts);
    timeline.classList.add('live');
  }

  timeline.addEventListener('pointermove', show);
  timeline.addEventListener('pointerdown', show);
  timeline.addEventListener('pointerleave', function () { timeline.classList.remove('live'); });
  timeline.addEventListener('dblclick', function () {
    var segment = data.segment ? data.segment[column] : -1;
    var card = document.getElementById(timeline.dataset.source + '-segment-' + segment);
    if (card) location.hash = card.id;
  });
});
)js";

}  // namespace sluice::report
