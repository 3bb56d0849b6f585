FROM nginx:stable-alpine
RUN printf 'server {\n  listen {{ port }};\n  root /usr/share/nginx/html;\n  index index.html;\n  location / { try_files $uri $uri/ $uri.html {% if built %}/index.html{% else %}=404{% endif %}; }\n}\n' > /etc/nginx/conf.d/default.conf && rm -rf /usr/share/nginx/html/*
COPY {% if built %}--from=build {% endif %}{{ folder }} /usr/share/nginx/html/
EXPOSE {{ port }}
