FROM node:{{ version }}-slim{% if site_folder %} AS build{% endif %}

WORKDIR /app
{% if not site_folder %}
ENV NODE_ENV=production
{% if port %}
ENV PORT={{ port }} HOST=0.0.0.0
{% endif %}
{% endif %}
{% if install %}
COPY {{ manifests }}
{% if build and not site_folder %}
RUN NODE_ENV=development {{ install }}
{% else %}
RUN {{ install }}
{% endif %}
{% endif %}
COPY . .
{% if build %}
RUN {{ build }}
{% endif %}
{% if site_folder %}
{{ site }}
{%- else %}
{% if port %}
EXPOSE {{ port }}
{% endif %}
USER node
CMD {{ start }}
{% endif %}
