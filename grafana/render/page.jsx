// One dashboard, drawn from its JSON and the answers to its queries, which input.js holds.
import React, { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { createTheme, DashboardCursorSync, dateTime, EventBusSrv, FieldType, getDisplayValueAlignmentFactors, ThemeContext } from '@grafana/data';
import {
  BarGauge, BigValue, GlobalStyles, PanelChrome, PanelContextProvider, Table, TimeSeries,
} from '@grafana/ui';
import 'uplot/dist/uPlot.min.css';
import '@fontsource/inter/latin-400.css';
import '@fontsource/inter/latin-500.css';
import { framesOf } from './frames.js';
import { Heatmap, StateTimeline } from './drawn.jsx';

const CELL = 30;
const GAP = 8;
const { boards } = window.INPUT;
const asked = new URLSearchParams(window.location.search);
const found = boards[asked.get('board')];
const theme = createTheme({ colors: { mode: asked.get('theme') ?? 'dark' } });
const WIDTH = Number(asked.get('width') ?? 1600);
const COLUMN = (WIDTH - GAP) / 24;
const times = [];
for (let time = found.from; time <= found.to + 0.001; time += found.step) {
  times.push(Math.round(time * 1000));
}
const span = { times };
const timeRange = { from: dateTime(found.from * 1000), to: dateTime(found.to * 1000), raw: { from: 'now-1h', to: 'now' } };

function Series({ panel, frames, width, height }) {
  frames.forEach((frame, index) => frame.fields.forEach((field) => { field.state.seriesIndex = index; }));
  return (
    <TimeSeries
      frames={frames} structureRev={1} timeRange={timeRange} timeZone="utc" width={width} height={height}
      legend={panel.options.legend} options={panel.options} />);
}

function Curve({ panel, frames, width, height }) {
  const frame = frames[0];
  const x = frame.fields.find((field) => field.config.custom && field.state.displayName === panel.options.xField);
  const rest = frame.fields.filter((field) => field !== x && field.type === FieldType.number);
  const plot = { ...frame, fields: [x, ...rest] };
  rest.forEach((field, index) => {
    field.state.seriesIndex = index;
    field.state.origin = { frameIndex: 0, fieldIndex: index + 1 };
  });
  return (
    <TimeSeries
      frames={[plot]} structureRev={1} timeRange={timeRange} timeZone="utc" width={width} height={height}
      legend={panel.options.legend} options={panel.options} preparePlotFrame={() => plot}
      fields={{ x: (field) => field === x, y: () => true }} />);
}

const valueField = (frame) => frame.fields.find((field) => field.type === FieldType.number);
const last = (field) => field.values.filter((value) => value !== null).at(-1);

function Stat({ panel, frames, width, height }) {
  const field = valueField(frames[0]);
  const value = { ...field.display(last(field)), title: '' };
  const drawn = field.values.length > 1 && panel.options.graphMode === 'area';
  return (
    <BigValue
      theme={theme} width={width} height={height} value={value} colorMode={panel.options.colorMode} textMode="value"
      graphMode={drawn ? 'area' : 'none'} justifyMode="auto"
      sparkline={drawn ? { y: field, x: frames[0].fields[0] } : undefined} />);
}

function Bars({ panel, frames, width, height }) {
  const values = frames.map((frame) => ({ ...valueField(frame).display(last(valueField(frame))), title: valueField(frame).state.displayName }));
  const alignmentFactors = getDisplayValueAlignmentFactors(values.map((display) => ({ display })));
  alignmentFactors.title += 'mm';  // the longest is not the widest
  const each = Math.min(40, (height - 4 * frames.length) / frames.length);
  return frames.map((frame, index) => {
    const field = valueField(frame);
    const config = { ...field.config, min: 0, max: field.config.max ?? Math.max(...frames.map((f) => last(valueField(f)) ?? 0)) };
    return (
      <div key={index} style={{ marginBottom: 4 }}>
        <BarGauge
          theme={theme} width={width} height={each} value={values[index]} alignmentFactors={alignmentFactors} field={config} display={field.display}
          text={{ titleSize: 14, valueSize: 20 }} orientation="horizontal" displayMode={panel.options.displayMode} showUnfilled itemSpacing={4} />
      </div>);
  });
}

function Buttons({ frames, width, height }) {
  const fields = frames[0].fields.filter((field) => !field.config.custom?.hidden && field.type !== FieldType.time);
  return (
    <table style={{ display: 'block', width, height, overflow: 'hidden', fontSize: 12, borderSpacing: 0 }}>
      <thead><tr>{fields.map((f) => <th key={f.name} style={{ color: theme.colors.text.link, padding: 6 }}>{f.state.displayName}</th>)}</tr></thead>
      <tbody>
        {frames[0].fields[0].values.map((_, row) => (
          <tr key={row}>{fields.map((field) => (
            <td key={field.name} style={{ padding: 6, borderTop: `1px solid ${theme.colors.border.weak}`, color: field.config.custom.cellOptions?.type === 'color-text' ? field.display(field.values[row]).color : undefined }}>
              {field.config.actions
                ? field.config.actions.map((action) => <button key={action.title} style={{ marginRight: 6, padding: '2px 8px', fontSize: 12, color: theme.colors.text.primary, background: theme.colors.secondary.main, border: 'none', borderRadius: 2 }}>{action.title}</button>)
                : field.display(field.values[row]).text}
            </td>))}
          </tr>))}
      </tbody>
    </table>);
}

function Rows({ panel, frames, width, height }) {
  const frame = frames[0];
  if (frame.fields.some((field) => field.config.actions)) {
    return <Buttons frames={frames} width={width} height={height} />;
  }
  return (
    <Table
      data={frame} width={width} height={height} cellHeight="sm" initialSortBy={panel.options.sortBy} showTypeIcons={false} />);
}

const KINDS = { timeseries: Series, trend: Curve, stat: Stat, bargauge: Bars, table: Rows, heatmap: Heatmap, 'state-timeline': StateTimeline };

function Content({ panel, frames, width, height }) {
  const Kind = KINDS[panel.type];
  const seen = frames?.some((frame) => frame.fields.some((field) => field.values.some((value) => value !== null)));
  if (!seen) {
    return <div style={{ display: 'flex', width, height, alignItems: 'center', justifyContent: 'center', color: theme.colors.text.secondary }}>No data</div>;
  }
  return <Kind panel={panel} frames={frames} width={width} height={height} span={span} theme={theme} answers={found.answers[panel.id]} />;
}

function Panel({ panel }) {
  const [frames, setFrames] = useState(null);
  useEffect(() => { panel.targets && framesOf(panel, found.answers[panel.id], span, theme).then(setFrames); }, []);
  const { x, y, w, h } = panel.gridPos;
  const width = w * COLUMN - GAP;
  const height = h * (CELL + GAP) - GAP;
  return (
    <div style={{ position: 'absolute', left: GAP + x * COLUMN, top: 48 + y * (CELL + GAP), width, height }}>
      {panel.type === 'row'
        ? <div style={{ fontSize: 16, lineHeight: '30px', color: theme.colors.text.primary, fontWeight: 500 }}>⌄ {panel.title}</div>
        : (
          <PanelChrome title={panel.title} description={panel.description} width={width} height={height} padding={['table'].includes(panel.type) ? 'none' : 'md'}>
            {(innerWidth, innerHeight) => frames && <Content panel={panel} frames={frames} width={innerWidth} height={innerHeight} />}
          </PanelChrome>)}
    </div>);
}

const context = { eventBus: new EventBusSrv(), sync: () => DashboardCursorSync.Off, canAddAnnotations: () => false };

const draw = () => createRoot(document.getElementById('page')).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <PanelContextProvider value={context}>
      <div style={{ padding: '10px 10px', fontSize: 18, color: theme.colors.text.primary }}>{found.board.title}</div>
      {found.board.panels.map((panel) => <Panel key={panel.id} panel={panel} />)}
    </PanelContextProvider>
  </ThemeContext.Provider>);
// Text is measured before it is drawn: in the font that it will have
Promise.all([400, 500].map((weight) => document.fonts.load(`${weight} 14px Inter`))).then(draw);
document.body.style.background = theme.colors.background.canvas;
