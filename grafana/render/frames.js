// Answers of Prometheus and PostgreSQL as Grafana's data frames, with the options of a panel applied to every field.
import {
  createDataFrame, FieldType, getDisplayProcessor, standardTransformers, standardTransformersRegistry,
  transformDataFrame,
} from '@grafana/data';
import { firstValueFrom } from 'rxjs';

const USED = [
  standardTransformers.mergeTransformer,
  standardTransformers.organizeFieldsTransformer,
  standardTransformers.orderFieldsTransformer,
  standardTransformers.renameFieldsTransformer,
  standardTransformers.filterFieldsTransformer,
  standardTransformers.filterFieldsByNameTransformer,
  standardTransformers.sortByTransformer,
];
standardTransformersRegistry.setInit(() => USED.map((each) => ({ id: each.id, name: each.name, transformation: each })));

const number = (text) => (text === 'NaN' ? null : Number(text.replace('Inf', 'Infinity')));

function named(target, labels) {
  if (target.legendFormat === '__auto') {
    const rest = Object.entries(labels).filter(([key]) => key !== '__name__');
    return rest.length === 1 ? rest[0][1] : rest.map(([key, value]) => `${key}=${value}`).join(', ');
  }
  return target.legendFormat.replace(/{{(\$?\w+)}}/g, (_, name) => labels[name.replace('$by', 'target')] ?? '');
}

function seriesFrame(target, series, span) {
  const points = new Map((series.values ?? [series.value]).map(([time, value]) => [Math.round(time * 1000), number(value)]));
  const times = target.instant ? [...points.keys()] : span.times;
  return createDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: times, config: {} },
      {
        name: 'Value',
        type: FieldType.number,
        labels: series.metric,
        values: times.map((time) => points.get(time) ?? null),
        config: { displayNameFromDS: named(target, series.metric) },
      },
    ],
  });
}

function tableFrame(target, result, several) {
  const labels = [...new Set(result.flatMap((series) => Object.keys(series.metric)))];
  const value = several ? `Value #${target.refId}` : 'Value';
  return createDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: result.map((series) => series.value[0] * 1000), config: {} },
      ...labels.map((label) => (
        { name: label, type: FieldType.string, values: result.map((series) => series.metric[label] ?? ''), config: {} })),
      { name: value, type: FieldType.number, values: result.map((series) => number(series.value[1])), config: {} },
    ],
  });
}

function rowsFrame(target, answer) {
  const type = (column) => {
    const sample = answer.rows.map((row) => row[column]).find((cell) => cell !== null);
    return typeof sample === 'number' ? FieldType.number : FieldType.string;
  };
  const fields = answer.columns.map((name, column) => (
    { name, type: type(column), values: answer.rows.map((row) => row[column]), config: {} }));
  return createDataFrame({ refId: target.refId, fields });
}

function longFrames(target, answer) {
  const names = [...new Set(answer.rows.map((row) => row[1]))];
  return names.map((name) => {
    const rows = answer.rows.filter((row) => row[1] === name);
    return createDataFrame({
      refId: target.refId,
      fields: [
        { name: 'Time', type: FieldType.time, values: rows.map((row) => row[0] * 1000), config: {} },
        { name: 'Value', type: FieldType.number, values: rows.map((row) => row[2]), config: { displayNameFromDS: name } },
      ],
    });
  });
}

export async function framesOf(panel, answers, span, theme) {
  const several = panel.targets.length > 1;
  const frames = panel.targets.flatMap((target, index) => {
    const answer = answers[index];
    if (answer.columns) {
      return target.format === 'time_series' ? longFrames(target, answer) : [rowsFrame(target, answer)];
    }
    if (target.format === 'table') {
      return answer.result.length ? [tableFrame(target, answer.result, several)] : [];
    }
    return answer.result.map((series) => seriesFrame(target, series, span));
  });
  const changed = panel.transformations.length
    ? await firstValueFrom(transformDataFrame(panel.transformations, frames)) : frames;
  changed.forEach((frame) => frame.fields.forEach((field, index) => dress(field, index, panel, theme)));
  return changed;
}

function dress(field, index, panel, theme) {
  const given = structuredClone(panel.fieldConfig.defaults);
  const config = { ...given, ...field.config, custom: { ...given.custom } };
  const name = config.displayName ?? config.displayNameFromDS ?? field.name;
  for (const override of panel.fieldConfig.overrides) {
    const { id, options } = override.matcher;
    const regex = id === 'byRegexp' && new RegExp(options.slice(1, options.lastIndexOf('/')));
    if (regex ? regex.test(name) : options === name) {
      for (const { id: key, value } of override.properties) {
        if (key.startsWith('custom.')) {
          config.custom[key.slice(7)] = value;
        } else {
          config[key] = value;
        }
      }
    }
  }
  config.thresholds.steps[0].value = -Infinity;
  field.config = config;
  if (field.type === FieldType.time) {
    field.config = { custom: config.custom };
  }
  const numbers = field.type === FieldType.number ? field.values.filter((value) => value !== null) : [];
  const [min, max] = numbers.length ? [Math.min(...numbers), Math.max(...numbers)] : [0, 1];
  field.state = { displayName: name, seriesIndex: Math.max(0, index - 1), range: { min, max, delta: max - min } };
  field.display = getDisplayProcessor({ field, theme, timeZone: 'utc' });
}
