{{/* Names. A release that is called slipway gives plain names. */}}
{{- define "slipway.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "slipway.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- $name := include "slipway.name" . }}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "slipway.operator" -}}
{{- include "slipway.fullname" . }}-operator
{{- end }}

{{- define "slipway.selectorLabels" -}}
app.kubernetes.io/name: {{ include "slipway.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{/* The pods that scrape, as a peer of a NetworkPolicy. */}}
{{- define "slipway.prometheusPeer" -}}
namespaceSelector: {{ .Values.networkPolicy.prometheus.namespaceSelector | toJson }}
podSelector: {{ default (dict "matchLabels" (dict "app.kubernetes.io/name" "prometheus")) .Values.networkPolicy.prometheus.podSelector | toJson }}
{{- end }}

{{/* The operator's pods, as a peer of a NetworkPolicy. */}}
{{- define "slipway.operatorPeer" -}}
namespaceSelector:
  matchLabels:
    kubernetes.io/metadata.name: {{ .Release.Namespace }}
podSelector:
  matchLabels:
    {{- include "slipway.selectorLabels" . | nindent 4 }}
{{- end }}

{{- define "slipway.labels" -}}
{{ include "slipway.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") }}
{{- end }}

{{/* Complete image of a part: (list . "operator"). */}}
{{- define "slipway.image" -}}
{{- $root := index . 0 }}
{{- $part := index . 1 }}
{{- $images := $root.Values.images }}
{{- if index $images $part }}
{{- index $images $part }}
{{- else }}
{{- $registry := required "set images.registry to where Slipway's images are, for example --set images.registry=registry.example.com/slipway" $images.registry }}
{{- printf "%s/%s:%s" $registry $part (toString (default $root.Chart.AppVersion $images.tag)) }}
{{- end }}
{{- end }}
