// Heatmaps and state timelines, which @grafana/ui does not hold: drawn here from the same options.
import React from 'react';
import { FieldType, formattedValueToString, getValueFormat } from '@grafana/data';

const VIRIDIS = ['#440154', '#482878', '#3e4989', '#31688e', '#26828e', '#1f9e89', '#35b779', '#6ece58', '#b5de2b', '#fde725'];
const LEFT = 60;
const BELOW = 22;

const clock = (time) => new Date(time).toISOString().slice(11, 19);

function Axis({ span, width, top, theme }) {
  const count = Math.max(2, Math.floor(width / 110));
  return [...Array(count).keys()].map((index) => {
    const time = span.times[Math.floor((index / count) * span.times.length)];
    return <text key={index} x={LEFT + (index / count) * (width - LEFT)} y={top + 15} fontSize={12} fill={theme.colors.text.primary}>{clock(time)}</text>;
  });
}

function columnsOf(answers) {
  const cells = new Map();
  const rows = answers[0].result.filter((series) => series.metric.le).map((series) => ({ le: Number(series.metric.le.replace('+Inf', 'Infinity')), values: series.values }));
  rows.sort((one, other) => one.le - other.le);
  for (const { le, values } of rows) {
    for (const [time, value] of values) {
      const key = Math.round(time * 1000);
      cells.set(key, [...(cells.get(key) ?? []), [le, Number(value)]]);
    }
  }
  for (const [key, column] of cells) {
    cells.set(key, column.map(([le, value], index) => [le, Math.max(0, value - (index ? column[index - 1][1] : 0))]));
  }
  return { cells, bounds: rows.map((row) => row.le) };
}

export function Heatmap({ panel, width, height, span, theme, answers }) {
  const { cells, bounds } = columnsOf(answers);
  const counts = [...cells.values()].flat().filter(([, value]) => value > 1e-9);
  const used = bounds.filter((bound) => counts.some(([le]) => le === bound));
  const shown = bounds.slice(Math.max(0, bounds.indexOf(used[0]) - 1), bounds.indexOf(used.at(-1)) + 2);
  const most = Math.max(...counts.map(([, value]) => value));
  const tall = (height - BELOW) / shown.length;
  const wide = (width - LEFT) / span.times.length;
  const format = getValueFormat(panel.options.yAxis.unit);
  return (
    <svg width={width} height={height}>
      {span.times.flatMap((time, column) => (cells.get(time) ?? []).filter(([le, value]) => value > 1e-9 && shown.includes(le)).map(([le, value]) => {
        const color = VIRIDIS[Math.min(9, Math.floor((value / most) ** panel.options.color.exponent * 10))];
        const row = shown.length - 1 - shown.indexOf(le);
        return <rect key={`${time} ${le}`} x={LEFT + column * wide} y={row * tall} width={Math.max(1, wide - 1)} height={Math.max(1, tall - 1)} fill={color} />;
      }))}
      {shown.map((le, index) => (index % Math.ceil(14 / tall) ? null : (
        <text key={le} x={LEFT - 6} y={(shown.length - 1 - index) * tall + 6} fontSize={12} textAnchor="end" fill={theme.colors.text.primary}>
          {Number.isFinite(le) ? formattedValueToString(format(le)) : '+Inf'}
        </text>)))}
      <Axis span={span} width={width} top={height - BELOW} theme={theme} />
    </svg>);
}

export function StateTimeline({ panel, frames, width, height, span, theme }) {
  const rows = frames.map((frame) => frame.fields.find((field) => field.type === FieldType.number));
  const left = Math.max(LEFT, ...rows.map((field) => field.state.displayName.length * 7 + 10));
  const tall = (height - BELOW) / rows.length;
  const wide = (width - left) / span.times.length;
  return (
    <svg width={width} height={height}>
      {rows.map((field, row) => {
        const bars = [];
        field.values.forEach((value, column) => {
          const open = bars.at(-1);
          if (open && open.value === value) {
            open.length += 1;
          } else {
            bars.push({ value, start: column, length: 1 });
          }
        });
        const inset = (tall * (1 - panel.options.rowHeight)) / 2;
        return (
          <g key={row}>
            <text x={left - 6} y={(row + 0.5) * tall + 4} fontSize={12} textAnchor="end" fill={theme.colors.text.primary}>{field.state.displayName}</text>
            {bars.filter((bar) => bar.value !== null).map((bar) => {
              const shown = field.display(bar.value);
              return (
                <g key={bar.start}>
                  <rect x={left + bar.start * wide} y={row * tall + inset} width={bar.length * wide} height={tall - 2 * inset} fill={shown.color} fillOpacity={panel.fieldConfig.defaults.custom.fillOpacity / 100} />
                  {bar.length * wide > shown.text.length * 8 && <text x={left + bar.start * wide + 4} y={(row + 0.5) * tall + 4} fontSize={12} fill="#fff">{formattedValueToString(shown)}</text>}
                </g>);
            })}
          </g>);
      })}
      <Axis span={{ times: span.times }} width={width} top={height - BELOW} theme={theme} />
    </svg>);
}
