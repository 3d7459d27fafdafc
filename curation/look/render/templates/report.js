if (data.what_if.rules) whatIf(data.what_if);
browse(data.browsed);
document.documentElement.dataset.ready = "true";
