{{- define "swelld.fullname" -}}
{{- if contains "swelld" .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-swelld" .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "swelld.selector" -}}
app.kubernetes.io/name: swelld
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "swelld.labels" -}}
{{ include "swelld.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "swelld.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "swelld.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "swelld.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{- define "swelld.config" -}}
{{- $listen := dict "web" (dict "listen" (printf ":%v" .Values.port)) -}}
{{- mergeOverwrite (deepCopy .Values.config) $listen | toYaml -}}
{{- end -}}

{{/* What pods of every kind have in common; takes the root context. */}}
{{- define "swelld.pod" -}}
serviceAccountName: {{ include "swelld.serviceAccount" . }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "swelld.container" -}}
image: {{ include "swelld.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop:
      - ALL
resources:
  {{- toYaml .Values.resources | nindent 2 }}
{{- with .Values.envFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  - name: config
    mountPath: /etc/swelld
    readOnly: true
  - name: state
    mountPath: /var/lib/swelld
  - name: tmp
    mountPath: /tmp
  {{- if .Values.secretName }}
  - name: secrets
    mountPath: /run/secrets/swelld
    readOnly: true
  {{- end }}
{{- end -}}

{{/* What a daemon has beyond that: its port and its probes. */}}
{{- define "swelld.daemon" -}}
args:
  - daemon
  - /etc/swelld/swelld.yaml
ports:
  - name: http
    containerPort: {{ .Values.port }}
startupProbe:
  httpGet: {{ include "swelld.probe" (list . "/-/healthy") }}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {{ include "swelld.probe" (list . "/-/healthy") }}
  periodSeconds: 15
  timeoutSeconds: 5
  failureThreshold: 4
readinessProbe:
  httpGet: {{ include "swelld.probe" (list . "/-/ready") }}
  periodSeconds: 5
  timeoutSeconds: 5
{{- end -}}

{{- define "swelld.probe" -}}
{{- $root := index . 0 -}}
{{- $scheme := ternary "HTTPS" "HTTP" (hasKey (default dict $root.Values.config.web) "tls") -}}
{{- dict "path" (index . 1) "port" "http" "scheme" $scheme | toJson -}}
{{- end -}}

{{- define "swelld.volumes" -}}
- name: config
  configMap:
    name: {{ include "swelld.fullname" . }}
- name: tmp
  emptyDir:
    sizeLimit: 256Mi
{{- if .Values.secretName }}
- name: secrets
  secret:
    secretName: {{ .Values.secretName }}
    defaultMode: 0440
{{- end }}
{{- end -}}

{{- define "swelld.podMetadata" -}}
labels:
  {{- include "swelld.selector" . | nindent 2 }}
  app.kubernetes.io/component: daemon
  {{- with .Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- if or .Values.podAnnotations .Values.restartOnChange }}
annotations:
  {{- if .Values.restartOnChange }}
  checksum/config: {{ include "swelld.config" . | sha256sum }}
  {{- end }}
  {{- with .Values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "swelld.claim" -}}
accessModes:
  - ReadWriteOnce
{{- with .Values.persistence.storageClass }}
storageClassName: {{ . }}
{{- end }}
resources:
  requests:
    storage: {{ .Values.persistence.size }}
{{- end -}}
